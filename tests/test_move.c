/* test_move.c - a file's bytes that the system brings to the sink: whatever it
   does or refuses, the archive is the one that reading and writing makes. */

#define OCITAR_STATIC
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif

enum { SIZE = 1000003 };

static char test_directory[] = "/tmp/ocitar-move." "XX" "XX" "XX";
static unsigned char content[SIZE];

/* -- the two system calls, which may go wrong at the n-th -- */

enum trouble { NONE, ERROR, INTERRUPTED, ENDED, SHORT, CHANGE };

static enum trouble trouble;
static int move_calls, trouble_at;

static void must(int ok, const char *what);
static void change_file(void);

static int in_trouble(size_t *len)
{
    if (++move_calls != trouble_at)
        return 0;
    if (trouble == SHORT)
        *len = *len < 4095 ? *len : 4095;
    if (trouble == CHANGE)
        change_file();
    errno = trouble == INTERRUPTED ? EINTR : EINVAL;
    return trouble == ERROR || trouble == INTERRUPTED ? -1
           : trouble == ENDED                         ? 1
                                                      : 0;
}

#ifdef __linux__
static ssize_t s_splice(int in, off_t *at, int out, off_t *none, size_t len,
                        unsigned flags)
{
    int t = in_trouble(&len);

    return t == 0 ? splice(in, at, out, none, len, flags) : t < 0 ? -1 : 0;
}

static ssize_t s_sendfile(int out, int in, off_t *at, size_t len)
{
    int t = in_trouble(&len);

    /* in pieces, so that there is a second call */
    len = len < 300000 ? len : 300000;
    return t == 0 ? sendfile(out, in, at, len) : t < 0 ? -1 : 0;
}

#define splice(a, b, c, d, e, f) s_splice(a, b, c, d, e, f)
#define sendfile(a, b, c, d) s_sendfile(a, b, c, d)
#endif

#include "ocitar.h"
#include "check.h"

static void must(int ok, const char *what)
{
    if (!ok) {
        printf("cannot test: %s: %s\n", what, strerror(errno));
        exit(2);
    }
}

static const char *path_of(const char *name)
{
    static char path[2][256];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[0], "%s/%s", test_directory, name);
    return path[turn];
}

static void make_file(void)
{
    int fd = open(path_of("in"), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    must(fd >= 0 && write(fd, content, SIZE) == SIZE && close(fd) == 0, "in");
}

/* The same size, other bytes, and a time that differs whatever the clock. */
static void change_file(void)
{
    struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
    int fd = open(path_of("in"), O_WRONLY);

    must(fd >= 0 && pwrite(fd, "changed", 7, 900000) == 7 &&
             futimens(fd, times) == 0 && close(fd) == 0,
         "change");
}

/* -- a sink and a source of the core, with a move function of the test -- */

typedef struct memory_source {
    size_t at;
    int changed;
    int noted;
} memory_source;

static size_t movable; /* how much the sink takes that way */
static int moves;

static int memory_get(void *user, void *out, size_t capacity, size_t *len)
{
    memory_source *m = (memory_source *)user;

    *len = SIZE - m->at < capacity ? SIZE - m->at : capacity;
    memcpy(out, content + m->at, *len);
    m->at += *len;
    return 0;
}

static int memory_rewind(void *user)
{
    ((memory_source *)user)->at = 0;
    return 0;
}

static int memory_same(void *user, int begin)
{
    memory_source *m = (memory_source *)user;

    m->noted += begin;
    return begin ? 0 : m->changed;
}

static uint64_t memory_move(void *user, const ocitar_fd *file,
                            uint64_t offset, uint64_t len)
{
    size_t n = len < movable ? (size_t)len : movable;

    CHECK(file != NULL && offset == 0);
    moves++;
    if (n > 0)
        CHECK(check_put(user, content, n) == 0);
    return n;
}

/* One copied blob in an archive; the sink's bytes are the result. */
static int copy_in_core(check_sink *out, int with_move, int changed,
                        size_t buffer_size)
{
    static unsigned char buffer[65536], piece[10000];
    static ocitar_fd file;
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    memory_source from = OCITAR_ZERO;
    ocitar_archive archive;
    ocitar_layout layout;
    int e;

    out->len = 0;
    moves = 0;
    from.changed = changed;
    desc.sink.put_fn = check_put;
    desc.sink.user = out;
    desc.sink.move_fn = with_move ? memory_move : NULL;
    desc.buffer = buffer;
    desc.buffer_size = buffer_size;
    source.get_fn = memory_get;
    source.rewind_fn = memory_rewind;
    source.user = &from;
    source.file = with_move == 2 ? NULL : &file;
    source.same_fn = with_move == 3 ? NULL : memory_same;
    CHECK_CODE(ocitar_archive_begin(&archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&layout, &archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&layout, 0, "first", 5, NULL), OCITAR_OK);
    e = ocitar_blob_copy(&layout, 0, &source, piece, sizeof piece, NULL,
                         NULL);
    CHECK(from.noted == (source.file != NULL && source.same_fn != NULL));
    if (e == OCITAR_OK) {
        CHECK_CODE(ocitar_blob_put(&layout, 0, "last", 4, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_archive_finish(&archive), OCITAR_OK);
    } else {
        CHECK(ocitar_archive_finish(&archive) == e);
    }
    return e;
}

static void test_in_core(void)
{
    static const size_t parts[] = { 0,     1,       9999,     10000,
                                    10001, SIZE - 1, SIZE, SIZE + 5 };
    static const size_t buffers[] = { 512, 4096, 65536 };
    check_sink plain = OCITAR_ZERO, moved = OCITAR_ZERO;
    size_t i, j;

    for (j = 0; j < 3; j++) {
        CHECK_CODE(copy_in_core(&plain, 0, 0, buffers[j]), OCITAR_OK);
        CHECK(moves == 0);
        for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            movable = parts[i];
            CHECK_CODE(copy_in_core(&moved, 1, 0, buffers[j]), OCITAR_OK);
            CHECK(moves == 1 && moved.len == plain.len &&
                  memcmp(moved.data, plain.data, plain.len) == 0);
            CHECK_CODE(copy_in_core(&moved, 1, 1, buffers[j]),
                       movable == 0 ? OCITAR_OK : OCITAR_E_CHANGED);
        }
        movable = SIZE; /* both are needed: a file, and how to ask for it */
        for (i = 2; i <= 3; i++) {
            CHECK_CODE(copy_in_core(&moved, (int)i, 0, buffers[j]),
                       OCITAR_OK);
            CHECK(moves == 0 && moved.len == plain.len &&
                  memcmp(moved.data, plain.data, plain.len) == 0);
        }
    }
    free(plain.data);
    free(moved.data);
}

/* -- files -- */

/* Copies the file into an archive on `out`. */
static int copy_file(int out)
{
    static unsigned char buffer[65536], piece[65536];
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_source source;
    ocitar_fd to, from;
    int e, fd = open(path_of("in"), O_RDONLY);

    must(fd >= 0, "in");
    move_calls = 0;
    ocitar_fd_begin(&to, out);
    ocitar_fd_sink(&to, &desc.sink);
    ocitar_fd_begin(&from, fd);
    ocitar_fd_source(&from, &source);
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    CHECK_CODE(ocitar_archive_begin(&archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&layout, &archive, NULL), OCITAR_OK);
    e = ocitar_blob_copy(&layout, 0, &source, piece, sizeof piece, NULL,
                         NULL);
    if (e == OCITAR_OK)
        e = ocitar_archive_finish(&archive);
    close(fd);
    return e;
}

static int copy_to_file(void)
{
    int fd = open(path_of("out"), O_RDWR | O_CREAT | O_TRUNC, 0644), e;

    must(fd >= 0, "out");
    e = copy_file(fd);
    close(fd);
    return e;
}

/* Through a pipe: a child writes what comes out of it to the file. */
static int copy_to_pipe(void)
{
    char bytes[5000];
    ssize_t n;
    int ends[2], e, status, out;
    pid_t child;

    must(pipe(ends) == 0, "pipe");
    fflush(stdout);
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        close(ends[1]);
        out = open(path_of("out"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
            if (write(out, bytes, (size_t)n) != n)
                _exit(1);
        _exit(0);
    }
    close(ends[0]);
    e = copy_file(ends[1]);
    close(ends[1]);
    must(waitpid(child, &status, 0) == child && status == 0, "child");
    return e;
}

static int out_is(const unsigned char *want, size_t len)
{
    static unsigned char got[2 * SIZE];
    int fd = open(path_of("out"), O_RDONLY);
    size_t n = 0;
    ssize_t more = 1;

    must(fd >= 0, "out");
    while (more > 0 && n < sizeof got) {
        more = read(fd, got + n, sizeof got - n);
        n += more > 0 ? (size_t)more : 0;
    }
    close(fd);
    return n == len && memcmp(got, want, len) == 0;
}

static void test_files(int (*copy)(void), const check_sink *want,
                       const char *name)
{
    int t, at, most;

    make_file();
    trouble = NONE;
    trouble_at = 0;
    CHECK_CODE(copy(), OCITAR_OK);
    CHECK(out_is(want->data, want->len));
    most = move_calls < 5 ? move_calls : 5;
    printf("%s: %d calls\n", name, move_calls);
    for (t = ERROR; t <= SHORT; t++)
        for (at = 1; at <= most; at++) {
            trouble = (enum trouble)t;
            trouble_at = at;
            CHECK_CODE(copy(), OCITAR_OK);
            CHECK(move_calls >= at);
            CHECK(out_is(want->data, want->len));
        }
    for (at = 1; at <= most; at++) {
        trouble = CHANGE;
        trouble_at = at;
        CHECK_CODE(copy(), OCITAR_E_CHANGED);
        make_file();
    }
    trouble = NONE;
}

/* What reading and writing makes of the file. */
static void expected(check_sink *out)
{
    ocitar_archive_desc desc = OCITAR_ZERO;
    unsigned char buffer[512];
    ocitar_archive archive;
    ocitar_layout layout;

    desc.sink.put_fn = check_put;
    desc.sink.user = out;
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    CHECK_CODE(ocitar_archive_begin(&archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&layout, &archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&layout, 0, content, SIZE, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&archive), OCITAR_OK);
}

int main(void)
{
    check_sink want = OCITAR_ZERO;
    size_t i;

    for (i = 0; i < SIZE; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 13 & 255);
    must(mkdtemp(test_directory) != NULL, test_directory);
    test_in_core();
    expected(&want);
    test_files(copy_to_file, &want, "file");
    test_files(copy_to_pipe, &want, "pipe");
    free(want.data);
    unlink(path_of("in"));
    unlink(path_of("out"));
    must(rmdir(test_directory) == 0, test_directory);
    return check_done();
}
