"""A wall clock that a test moves: a library that a server is started with."""
import os
import shutil
import subprocess

STEPPER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
static long long offset_us(void)
{
    long long us = 0;
    FILE *f = fopen(getenv("CLOCK_OFFSET_FILE"), "r");
    if (f) {
        if (fscanf(f, "%lld", &us) != 1)
            us = 0;
        fclose(f);
    }
    return us;
}
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int rc = real(tv, zone);
    long long us = tv->tv_sec * 1000000LL + tv->tv_usec + offset_us();
    tv->tv_sec = us / 1000000;
    tv->tv_usec = us % 1000000;
    return rc;
}
"""


def available():
    return shutil.which("cc") is not None


class SteppedClock:
    def __init__(self, directory):
        source, self.library, self.offset = (os.path.join(directory, n) for n in ("stepper.c", "stepper.so", "offset"))
        with open(source, "w", encoding="utf-8") as f:
            f.write(STEPPER)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        self.step(0)

    def environment(self):
        return {**os.environ, "LD_PRELOAD": self.library, "CLOCK_OFFSET_FILE": self.offset}

    def step(self, us):
        """So far from the true time from now on."""
        with open(self.offset + ".new", "w", encoding="utf-8") as f:
            f.write(str(us))
        os.rename(self.offset + ".new", self.offset)
