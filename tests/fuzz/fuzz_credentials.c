/* The credentials answer, and the JSON reader behind it. */
#include <string.h>

#include "common/str.h"
#include "proto/credentials_answer.h"
#include "tests/fuzz/fuzz.h"

static const struct uuid operator_id = {{0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4, 0xa7, 0x16,
                                         0x44, 0x66, 0x55, 0x44, 0x00, 0x01}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credentials_answer answer;
    char error[160] = "";
    if (credentials_answer_parse((const char *)data, size, &operator_id, &answer, error,
                                 sizeof(error)) != 0) {
        MUST(error[0] && !answer.json);
        return 0;
    }
    MUST(answer.port > 0 && answer.host[0] && answer.system_id[0]);
    MUST(answer.password.len <= SMPP_BIND_CREDENTIAL_MAX);
    MUST(str_utf8_valid((const char *)answer.password.data, answer.password.len));
    credentials_answer_wipe(&answer);
    return 0;
}
