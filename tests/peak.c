/* peak LIMIT_KIB COMMAND... - runs a command and says its peak memory; exit 1
   if it failed or went over the limit. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 0;
    pid_t child;

    if (argc < 3)
        return 2;
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 2;
    fprintf(stderr, "peak: %ld KiB of %s\n", usage.ru_maxrss, argv[1]);
    return status != 0 || usage.ru_maxrss > atol(argv[1]);
}
