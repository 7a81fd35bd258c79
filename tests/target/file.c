/* file.c PATH - the short suite's image into a file by the C library alone,
   read back and compared: binary mode, and offsets beyond 4 GiB, for the
   archive begins there. It goes to standard output, too, if PATH is "-".

   The sink can patch: no rehearsal is needed, and the bytes are the same. */

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#  include <fcntl.h>
#  include <io.h>
#else
#  include <sys/types.h>
#  include <unistd.h>
#endif

#include "ocitar.h"
#include "short.h"

#define BASE ((int64_t)5 << 30)

void put_text(const char *text)
{
    fputs(text, stderr);
}

static int file_seek(FILE *file, uint64_t offset)
{
#ifdef _WIN32
    return _fseeki64(file, BASE + (int64_t)offset, SEEK_SET);
#else
    return fseeko(file, (off_t)(BASE + (int64_t)offset), SEEK_SET);
#endif
}

static int file_put(void *user, const void *data, size_t len)
{
    return fwrite(data, 1, len, (FILE *)user) == len ? 0 : 1;
}

static int file_put_at(void *user, uint64_t offset, const void *data,
                       size_t len)
{
    FILE *file = (FILE *)user;

    if (file_seek(file, offset) != 0 || fwrite(data, 1, len, file) != len)
        return 1;
    return fseek(file, 0, SEEK_END) == 0 ? 0 : 1;
}

static int file_truncate(void *user, uint64_t offset)
{
    FILE *file = (FILE *)user;

    if (fflush(file) != 0)
        return 1;
#ifdef _WIN32
    if (_chsize_s(_fileno(file), BASE + (int64_t)offset) != 0)
        return 1;
#else
    if (ftruncate(fileno(file), (off_t)(BASE + (int64_t)offset)) != 0)
        return 1;
#endif
    return file_seek(file, offset) == 0 ? 0 : 1;
}

static int write_file(const char *path)
{
    ocitar_sink sink = OCITAR_ZERO;
    FILE *file = fopen(path, "wb");
    int e;

    if (file == NULL || file_seek(file, 0) != 0)
        return OCITAR_E_SYSTEM;
    sink.put_fn = file_put;
    sink.put_at_fn = file_put_at;
    sink.truncate_fn = file_truncate;
    sink.user = file;
    e = short_image(&sink);
    return fclose(file) == 0 ? e : OCITAR_E_SYSTEM;
}

static int write_stdout(void)
{
    ocitar_sink sink = OCITAR_ZERO;
    int e;

#ifdef _WIN32
    _setmode(_fileno(stdout), _O_BINARY); /* else each \n becomes \r\n */
#endif
    sink.put_fn = file_put;
    sink.user = stdout;
    e = short_image(&sink);
    return fflush(stdout) == 0 ? e : OCITAR_E_SYSTEM;
}

static int read_back(const char *path, ocitar_digest *digest)
{
    static char buffer[4096];
    ocitar_digester digester;
    FILE *file = fopen(path, "rb");
    size_t n;
    int e = ocitar_digester_begin(&digester, OCITAR_SHA256, NULL);

    if (file == NULL || file_seek(file, 0) != 0)
        return OCITAR_E_SYSTEM;
    while (e == OCITAR_OK && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
        e = ocitar_digester_update(&digester, buffer, n);
    fclose(file);
    return e == OCITAR_OK ? ocitar_digester_end(&digester, digest) : e;
}

int main(int argc, char **argv)
{
    ocitar_digest digest;
    int e;

    if (argc != 2) {
        fputs("usage: file PATH\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "-") == 0)
        return write_stdout() != OCITAR_OK;
    e = write_file(argv[1]);
    if (e == OCITAR_OK)
        e = read_back(argv[1], &digest);
    if (e != OCITAR_OK)
        printf("FAIL %s\n", ocitar_error_name(e));
    else
        puts(short_image_is(&digest) ? "PASS" : "FAIL other bytes");
    return e != OCITAR_OK;
}
