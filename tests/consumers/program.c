/* What a program of somebody else does with the header: the version, and an
   archive of one file to standard output. C and C++. */

#include "ocitar.h"
#include <stdio.h>
#include <string.h>

static int write_archive(void)
{
    static char buffer[512];
    ocitar_fd fd;
    ocitar_archive archive;
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_entry entry = OCITAR_ZERO;

    ocitar_fd_begin(&fd, 1);
    ocitar_fd_sink(&fd, &desc.sink);
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    entry.name = "hello";
    entry.size = 5;
    entry.mode = 0644;
    ocitar_archive_begin(&archive, &desc);
    ocitar_archive_header(&archive, &entry);
    ocitar_archive_write(&archive, "hello", 5);
    return ocitar_archive_finish(&archive);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts(OCITAR_VERSION) == EOF;
    return write_archive() != OCITAR_OK;
}
