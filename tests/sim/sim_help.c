/* Prints the help from the tables of options, dialects, malformations and commands. */
#include <stdio.h>

#include "common/base.h"

#include "tests/sim/sim_command.h"
#include "tests/sim/sim_dialect.h"
#include "tests/sim/sim_help.h"
#include "tests/sim/sim_malformed.h"
#include "tests/sim/sim_option.h"

static const char head[] =
    "mno-sim - an SMSC to test ESMEs against: SMPP 3.4 over TCP, one process, one thread.\n"
    "\n"
    "Usage: mno-sim [--OPTION VALUE]...              be an SMSC until SIGTERM\n"
    "       mno-sim --load HOST:PORT [--OPTION ...]  be an ESME that floods an SMSC\n"
    "\n"
    "When it is ready it prints one line of JSON with the ports it got; when it is told to end\n"
    "(SIGTERM, SIGINT, the command quit), a second one with all counters.\n"
    "\n"
    "Examples\n"
    "  mno-sim                                        accepts everyone, sends receipts at once\n"
    "  mno-sim --listen 127.0.0.1:2775 --password alpha=s3cret --max-binds 2\n"
    "  mno-sim --latency-ms 5-40 --receipt-delay-ms 500-3000 \\\n"
    "          --receipt-states DELIVRD:95,UNDELIV:3,EXPIRED:2 --receipt-dialect spec,tlv,ucs2\n"
    "  mno-sim --id-format hex --receipt-id-format padded     ids that do not look the same\n"
    "  mno-sim --max-tps 100 --submit-status 0x08:1%,0x14:0.5% --silent 0.1%\n"
    "  mno-sim --status-for-dest '0001=0x0B,0002=silent,0003=0x58*2'\n"
    "  mno-sim --run 'set system=alpha refuse-trx 0x03' --run 'set system=beta latency-ms 200'\n"
    "  mno-sim --history mno.jsonl --detect-duplicates token --duplicate-token id:\n"
    "  exec 3<>/dev/tcp/127.0.0.1/CONTROL-PORT; echo 'set silent 100%' >&3; head -1 <&3\n"
    "  mno-sim --load 127.0.0.1:2775 --count 1000000 --window 1000\n";

static void print_row(const char *left, const char *right)
{
    int width = printf("  %s", left);
    if (!*right)
        printf("\n");
    else if (width > 36)
        printf("\n%38s%s\n", "", right);
    else
        printf("%*s%s\n", 38 - width, "", right);
}

static void print_option(const struct sim_option *o)
{
    char left[160];
    char right[320];
    snprintf(left, sizeof(left), "--%s %s", o->name, o->argument ? o->argument : "");
    if (o->fallback)
        snprintf(right, sizeof(right), "%s%s[%s]", o->help, *o->help ? " " : "", o->fallback);
    else
        snprintf(right, sizeof(right), "%s", o->help);
    print_row(left, right);
}

static void print_options(const struct sim_option *table)
{
    for (const struct sim_option *o = table; o->help; o++) {
        if (o->name)
            print_option(o);
        else
            printf("\n%s\n", o->help);
    }
}

void sim_help_print(void)
{
    printf("%s", head);
    print_options(sim_option_start);
    printf("\nThe options below can be changed while it runs, also for one system_id: "
           "set [system=ID] OPTION VALUE\n");
    print_options(sim_option_behaviour);
    printf("\nDialects of receipts\n");
    for (size_t i = 0; i < sim_dialect_count(); i++)
        print_row(sim_dialect_name(i), sim_dialect_help(i));
    printf("\nCommands of the control port, one a line; each is answered with a line of JSON\n");
    for (size_t i = 0; i < sim_command_count(); i++)
        print_row(sim_command_usage(i), sim_command_help(i));
    printf("\nMalformations, for the command malformed\n");
    for (size_t i = 0; i < sim_malformed_count(); i++)
        print_row(sim_malformed_name(i), sim_malformed_help(i));
}
