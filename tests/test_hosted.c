/* test_hosted - descriptors, temporary and output files, the directory driver
   and the directory walk, on files of a fresh temporary directory. */

#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include "ocitar.h"
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* ---- files ---- */

static char base[] = "/tmp/ocitar-test." "XX" "XX" "XX";
static char path_room[4][4096];

/* "base/name"; the last four results stay. */
static const char *at(const char *name)
{
    static int turn;
    char *out = path_room[turn++ & 3];

    snprintf(out, sizeof path_room[0], "%s/%s", base, name);
    return out;
}

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    return ftw->level == 0 ? 0 : remove(path);
}

/* Empties the temporary directory. musl's nftw goes no deeper than it may
   have descriptors open. */
static void clean(void)
{
    must(nftw(base, remove_one, 256, FTW_DEPTH | FTW_PHYS) == 0, "clean");
}

static void make_file(const char *name, const void *data, size_t len,
                      mode_t mode)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    must(fd >= 0 && write(fd, data, len) == (ssize_t)len &&
         fchmod(fd, mode) == 0 && close(fd) == 0, name);
}

static void make_dir(const char *name, mode_t mode)
{
    must(mkdir(at(name), 0700) == 0 && chmod(at(name), mode) == 0, name);
}

static void make_link(const char *target, const char *name)
{
    must(symlink(target, at(name)) == 0, name);
}

static int exists(const char *name)
{
    struct stat st;

    return lstat(at(name), &st) == 0;
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    return stat(at(name), &st) == 0 ? st.st_mode : 0;
}

static int file_holds(const char *name, const void *data, size_t len)
{
    static unsigned char buffer[1 << 17];
    int fd = open(at(name), O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)len && memcmp(buffer, data, len) == 0;
}

/* Names in a folder of the temporary directory. */
static int count_names(const char *name)
{
    DIR *dir = opendir(at(name));
    int n = -2;

    must(dir != NULL, name);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int count_descriptors(void)
{
    int fd, n = 0;

    for (fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static unsigned char content[1 << 16];

static void content_fill(void)
{
    size_t i;

    for (i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 131 + 7 + i / 256);
}

/* ---- descriptors ---- */

static void archive_start(ocitar_archive *a, ocitar_layout *l,
                          const ocitar_sink *sink, unsigned char buffer[512])
{
    ocitar_archive_desc d = OCITAR_ZERO;

    d.sink = *sink;
    d.buffer = buffer;
    d.buffer_size = 512;
    CHECK_CODE(ocitar_archive_begin(a, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(l, a, NULL), OCITAR_OK);
}

/* An abandoned blob, then a patched one, then a file: all that a sink can be
   asked for. */
static void write_patched(const ocitar_sink *sink)
{
    unsigned char buffer[512];
    ocitar_archive a;
    ocitar_layout l;
    ocitar_blob b;

    archive_start(&a, &l, sink, buffer);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 5000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 3000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 3000, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&l, "f", 0, 0644, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_OK);
}

static void write_plain(const ocitar_sink *sink)
{
    unsigned char buffer[512];
    ocitar_archive a;
    ocitar_layout l;

    archive_start(&a, &l, sink, buffer);
    CHECK_CODE(ocitar_blob_put(&l, 0, content, 3000, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&l, "f", 0, 0644, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_OK);
}

static check_sink plain_archive(void)
{
    check_sink out;
    ocitar_sink sink = OCITAR_ZERO;

    memset(&out, 0, sizeof out);
    sink.put_fn = check_put;
    sink.user = &out;
    write_plain(&sink);
    return out;
}

static void test_fd_sink_file(void)
{
    check_sink want = plain_archive();
    ocitar_sink sink;
    ocitar_fd fd;
    unsigned char *all = (unsigned char *)malloc(100 + want.len);
    int file = open(at("out"), O_RDWR | O_CREAT | O_EXCL, 0600);

    must(all != NULL && file >= 0 && write(file, content, 100) == 100, "out");
    ocitar_fd_begin(&fd, file);
    CHECK(fd.start == 100);
    ocitar_fd_sink(&fd, &sink);
    CHECK(sink.put_at_fn != NULL && sink.truncate_fn != NULL);
    write_patched(&sink);
    memcpy(all, content, 100); /* what stood before is untouched */
    memcpy(all + 100, want.data, want.len);
    CHECK(file_holds("out", all, 100 + want.len));
    CHECK(fcntl(file, F_GETFD) >= 0);
    close(file);
    free(all);
    free(want.data);
    clean();
}

static void test_fd_sink_append(void)
{
    check_sink want = plain_archive();
    ocitar_sink sink;
    ocitar_fd fd;
    int file = open(at("out"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    must(file >= 0, "out");
    ocitar_fd_begin(&fd, file);
    ocitar_fd_sink(&fd, &sink);
    CHECK(sink.put_at_fn == NULL && sink.truncate_fn == NULL);
    write_plain(&sink);
    CHECK(file_holds("out", want.data, want.len));
    close(file);
    free(want.data);
    clean();
}

static void alarm_rings(int number)
{
    (void)number;
}

/* Reads slowly what should be `content`, 16 times; its exit says if it was. */
static void slow_reader(int fd)
{
    static unsigned char buffer[3000];
    size_t total = 0;
    int good = 1;
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        size_t i;

        for (i = 0; i < (size_t)n; i++, total++)
            good &= buffer[i] == content[total % sizeof content];
        usleep(200);
    }
    _exit(good && total == 16 * sizeof content ? 0 : 1);
}

/* Signals cut writes short or interrupt them; nothing may be lost. */
static void test_fd_sink_pipe(void)
{
    struct itimerval every = { { 0, 700 }, { 0, 700 } };
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    struct sigaction action;
    ocitar_sink sink;
    ocitar_fd fd;
    int ends[2], status = -1, i;
    pid_t child;

    must(pipe(ends) == 0, "pipe");
    fflush(stdout);
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        close(ends[1]);
        slow_reader(ends[0]);
    }
    close(ends[0]);
    ocitar_fd_begin(&fd, ends[1]);
    CHECK(fd.start == -1);
    ocitar_fd_sink(&fd, &sink);
    CHECK(sink.put_at_fn == NULL && sink.truncate_fn == NULL);
    memset(&action, 0, sizeof action);
    action.sa_handler = alarm_rings; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (i = 0; i < 16; i++)
        CHECK(sink.put_fn(sink.user, content, sizeof content) == 0);
    setitimer(ITIMER_REAL, &never, NULL);
    action.sa_handler = SIG_IGN; /* one may still be under way */
    sigaction(SIGALRM, &action, NULL);
    close(ends[1]);
    must(waitpid(child, &status, 0) == child, "waitpid");
    CHECK(status == 0);
}

static void sink_fails(int descriptor, int user_code)
{
    unsigned char buffer[512];
    ocitar_archive a;
    ocitar_layout l;
    ocitar_sink sink;
    ocitar_fd fd;

    ocitar_fd_begin(&fd, descriptor);
    ocitar_fd_sink(&fd, &sink);
    archive_start(&a, &l, &sink, buffer);
    CHECK_CODE(ocitar_file_put(&l, "f", 0, 0644, "x", 1), OCITAR_E_SINK);
    CHECK(ocitar_archive_error(&a)->user_code == user_code);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_E_SINK);
}

static void test_fd_sink_fails(void)
{
    int fd = open("/dev/full", O_WRONLY);

    if (fd >= 0) {
        sink_fails(fd, ENOSPC);
        close(fd);
    }
    fd = open("/dev/null", O_RDONLY);
    must(fd >= 0, "/dev/null");
    sink_fails(fd, EBADF); /* not for writing */
    close(fd);
    sink_fails(fd, EBADF); /* closed */
}

static int copy_from(int descriptor, ocitar_archive *a,
                     unsigned char buffer[512])
{
    unsigned char bytes[100];
    ocitar_sink sink = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_layout l;
    ocitar_fd fd;

    archive_start(a, &l, &sink, buffer);
    ocitar_fd_begin(&fd, descriptor);
    ocitar_fd_source(&fd, &source);
    return ocitar_blob_copy(&l, 0, &source, bytes, sizeof bytes, NULL, NULL);
}

static void test_fd_source(void)
{
    unsigned char buffer[512], bytes[64];
    ocitar_archive a;
    ocitar_source source = OCITAR_ZERO;
    ocitar_fd fd;
    size_t n = 0;
    int file, i;

    make_file("in", content, 50, 0600);
    file = open(at("in"), O_RDONLY);
    must(file >= 0 && lseek(file, 10, SEEK_SET) == 10, "in");
    ocitar_fd_begin(&fd, file);
    ocitar_fd_source(&fd, &source);
    for (i = 0; i < 2; i++) {
        CHECK(source.get_fn(source.user, bytes, 64, &n) == 0 && n == 40);
        CHECK(memcmp(bytes, content + 10, 40) == 0);
        CHECK(source.get_fn(source.user, bytes, 64, &n) == 0 && n == 0);
        CHECK(source.rewind_fn(source.user) == 0);
    }
    CHECK_CODE(copy_from(file, &a, buffer), OCITAR_OK);
    CHECK(ocitar_archive_size(&a) == 1024);
    close(file);
    CHECK(source.get_fn(source.user, bytes, 64, &n) == EBADF && n == 0);
    CHECK(source.rewind_fn(source.user) == EBADF);
    clean();
}

static void test_fd_source_fails(void)
{
    unsigned char buffer[512];
    ocitar_archive a;
    ocitar_source source = OCITAR_ZERO;
    ocitar_fd fd;
    int ends[2], dir = open(base, O_RDONLY);

    must(dir >= 0 && pipe(ends) == 0, "open");
    CHECK_CODE(copy_from(dir, &a, buffer), OCITAR_E_SOURCE);
    CHECK(ocitar_archive_error(&a)->user_code == EISDIR);
    CHECK(ocitar_archive_size(&a) == 0);
    ocitar_fd_begin(&fd, ends[0]);
    ocitar_fd_source(&fd, &source);
    CHECK(source.rewind_fn == NULL);
    close(dir);
    close(ends[0]);
    close(ends[1]);
}

static void test_heap(void)
{
    ocitar_allocator heap;
    char *p;

    ocitar_heap(&heap);
    p = (char *)heap.resize_fn(heap.user, NULL, 0, 10);
    must(p != NULL, "heap");
    CHECK(((uintptr_t)p & 7) == 0); /* malloc's own: 8 on some, 16 on most */
    memcpy(p, "123456789", 10);
    p = (char *)heap.resize_fn(heap.user, p, 10, 100000);
    must(p != NULL, "heap");
    CHECK(memcmp(p, "123456789", 10) == 0);
    CHECK(heap.resize_fn(heap.user, p, 100000, 0) == NULL);
}

/* ---- temporary files ---- */

static int spooled_blob(ocitar_layout *l, ocitar_spool *s, size_t len)
{
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob b;
    int e;

    w.way = OCITAR_WAIT_SPOOL;
    w.spool = s;
    e = ocitar_blob_begin(&b, l, 0, &w);
    if (e == OCITAR_OK)
        e = ocitar_blob_write(&b, content, len / 2);
    if (e == OCITAR_OK)
        e = ocitar_blob_write(&b, content + len / 2, len - len / 2);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&b, len, NULL);
    ocitar_blob_close(&b);
    return e;
}

static void temp_start(ocitar_temp *t, ocitar_store *store, ocitar_spool *s,
                       const char *directory)
{
    ocitar_spool_desc d = OCITAR_ZERO;

    ocitar_temp_begin(t, directory);
    ocitar_temp_store(t, store);
    d.store = store;
    CHECK_CODE(ocitar_spool_begin(s, &d), OCITAR_OK);
}

static void test_temp(void)
{
    unsigned char buffer[512];
    check_sink want, got;
    ocitar_sink sink = OCITAR_ZERO;
    ocitar_archive a;
    ocitar_layout l;
    ocitar_store store;
    ocitar_spool s;
    ocitar_temp t;

    memset(&got, 0, sizeof got);
    memset(&want, 0, sizeof want);
    sink.put_fn = check_put;
    sink.user = &got;
    archive_start(&a, &l, &sink, buffer);
    temp_start(&t, &store, &s, base);
    CHECK(t.descriptor == -1);
    CHECK_CODE(spooled_blob(&l, &s, 60000), OCITAR_OK);
    CHECK(t.descriptor >= 0 && t.size == 0);
    CHECK(count_names(".") == 0); /* it has no name */
    CHECK_CODE(spooled_blob(&l, &s, 5), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_OK);
    ocitar_spool_end(&s);
    ocitar_temp_end(&t);
    ocitar_temp_end(&t);
    sink.user = &want;
    archive_start(&a, &l, &sink, buffer);
    CHECK_CODE(ocitar_blob_put(&l, 0, content, 60000, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&l, 0, content, 5, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_OK);
    CHECK(want.len == got.len && memcmp(want.data, got.data, got.len) == 0);
    free(want.data);
    free(got.data);
}

static void test_temp_fails(void)
{
    unsigned char buffer[512];
    ocitar_sink sink = OCITAR_ZERO;
    ocitar_archive a;
    ocitar_layout l;
    ocitar_store store;
    ocitar_spool s;
    ocitar_temp t;
    unsigned char bytes[8];

    archive_start(&a, &l, &sink, buffer);
    temp_start(&t, &store, &s, at("missing"));
    CHECK_CODE(spooled_blob(&l, &s, 5), OCITAR_E_SPOOL);
    ocitar_spool_end(&s);
    ocitar_temp_end(&t);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_OK);
    temp_start(&t, &store, &s, at("missing"));
    CHECK(store.append_fn(store.user, "x", 1) == ENOENT);
    CHECK(store.reset_fn(store.user) == 0);
    ocitar_temp_end(&t);
    temp_start(&t, &store, &s, NULL);
    CHECK(store.append_fn(store.user, "12345", 5) == 0);
    CHECK(store.load_fn(store.user, 1, bytes, 4) == 0 &&
          memcmp(bytes, "2345", 4) == 0);
    CHECK(store.load_fn(store.user, 3, bytes, 4) != 0); /* not that many */
    CHECK(store.reset_fn(store.user) == 0);
    CHECK(store.append_fn(store.user, "ab", 2) == 0);
    CHECK(store.load_fn(store.user, 0, bytes, 2) == 0 &&
          memcmp(bytes, "ab", 2) == 0);
    ocitar_temp_end(&t);
}

/* ---- output files ---- */

static void output_put(ocitar_output *o, const char *text)
{
    ocitar_sink sink;

    ocitar_fd_sink(&o->fd, &sink);
    CHECK(sink.put_fn(sink.user, text, strlen(text)) == 0);
}

static void test_output_new(void)
{
    ocitar_output o;
    mode_t mask = umask(027);
    int sync;

    for (sync = 0; sync < 2; sync++) {
        CHECK_CODE(ocitar_output_open(&o, at("new"), NULL), OCITAR_OK);
        output_put(&o, "text");
        CHECK(!exists("new") && count_names(".") == 1);
        CHECK_CODE(ocitar_output_commit(&o, sync, NULL), OCITAR_OK);
        CHECK(file_holds("new", "text", 4) && count_names(".") == 1);
        CHECK(mode_of("new") == (S_IFREG | 0640));
        CHECK_CODE(ocitar_output_commit(&o, sync, NULL), OCITAR_E_STATE);
        ocitar_output_abandon(&o);
        CHECK(file_holds("new", "text", 4));
        clean();
    }
    umask(mask);
}

static void test_output_replaces(void)
{
    ocitar_output o;

    make_file("old", "old text", 8, 0604);
    CHECK_CODE(ocitar_output_open(&o, at("old"), NULL), OCITAR_OK);
    output_put(&o, "new");
    CHECK(file_holds("old", "old text", 8));
    CHECK_CODE(ocitar_output_commit(&o, 0, NULL), OCITAR_OK);
    CHECK(file_holds("old", "new", 3) && mode_of("old") == (S_IFREG | 0604));
    CHECK(count_names(".") == 1);
    clean();
}

static void test_output_through_a_link(void)
{
    struct stat st;
    ocitar_output o;

    make_dir("real", 0755);
    make_file("real/file", "old", 3, 0644);
    make_link("real/file", "link");
    CHECK_CODE(ocitar_output_open(&o, at("link"), NULL), OCITAR_OK);
    output_put(&o, "new");
    CHECK_CODE(ocitar_output_commit(&o, 1, NULL), OCITAR_OK);
    CHECK(lstat(at("link"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(file_holds("real/file", "new", 3) && count_names("real") == 1);
    CHECK(count_names(".") == 2);
    clean();
}

static void test_output_abandon(void)
{
    ocitar_output o;

    make_file("old", "old", 3, 0644);
    CHECK_CODE(ocitar_output_open(&o, at("old"), NULL), OCITAR_OK);
    output_put(&o, "new");
    ocitar_output_abandon(&o);
    ocitar_output_abandon(&o);
    CHECK_CODE(ocitar_output_commit(&o, 0, NULL), OCITAR_E_STATE);
    CHECK(file_holds("old", "old", 3) && count_names(".") == 1);
    CHECK_CODE(ocitar_output_open(&o, at("new"), NULL), OCITAR_OK);
    ocitar_output_abandon(&o);
    CHECK(!exists("new") && count_names(".") == 1);
    ocitar_output_abandon(NULL);
    clean();
}

static void output_fails(const char *path, int want)
{
    ocitar_output o;
    int code = 0;

    CHECK_CODE(ocitar_output_open(&o, path, &code), OCITAR_E_SYSTEM);
    CHECK(code == want);
    CHECK_CODE(ocitar_output_open(&o, path, NULL), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_output_commit(&o, 0, &code), OCITAR_E_STATE);
    ocitar_output_abandon(&o);
}

static void test_output_fails(void)
{
    char name[257 + 1];
    ocitar_output o;

    output_fails(at("missing/file"), ENOENT);
    output_fails(at("missing/"), EISDIR);
    output_fails(base, EISDIR);
    output_fails("", ENOENT);
    memset(name, 'n', 256);
    name[256] = 0;
    output_fails(at(name), ENAMETOOLONG);
    make_file("file", "", 0, 0644);
    output_fails(at("file/x"), ENOTDIR);
    CHECK(count_names(".") == 1);
    CHECK_CODE(ocitar_output_open(NULL, "x", NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_output_open(&o, NULL, NULL), OCITAR_E_ARG);
    CHECK(ocitar_output_commit(NULL, 0, NULL) != OCITAR_OK);
    clean();
}

/* The longest name there is, in the directory where we are. */
static void test_output_of_a_long_name(void)
{
    char name[255 + 1];
    ocitar_output o;
    int here = open(".", O_RDONLY);

    memset(name, 'n', 255);
    name[255] = 0;
    must(here >= 0 && chdir(base) == 0, "chdir");
    CHECK_CODE(ocitar_output_open(&o, name, NULL), OCITAR_OK);
    output_put(&o, "text");
    CHECK_CODE(ocitar_output_commit(&o, 0, NULL), OCITAR_OK);
    must(fchdir(here) == 0, "fchdir");
    close(here);
    CHECK(file_holds(name, "text", 4));
    clean();
}

/* A second program that writes the same file does no harm. */
static void test_output_twice(void)
{
    ocitar_output a, b;

    CHECK_CODE(ocitar_output_open(&a, at("f"), NULL), OCITAR_OK);
    CHECK_CODE(ocitar_output_open(&b, at("f"), NULL), OCITAR_OK);
    output_put(&a, "aaa");
    output_put(&b, "b");
    CHECK_CODE(ocitar_output_commit(&b, 0, NULL), OCITAR_OK);
    CHECK(file_holds("f", "b", 1));
    CHECK_CODE(ocitar_output_commit(&a, 0, NULL), OCITAR_OK);
    CHECK(file_holds("f", "aaa", 3) && count_names(".") == 1);
    clean();
}

static void test_output_loses_its_directory(void)
{
    ocitar_output o;
    int code = 0;

    make_dir("d", 0755);
    CHECK_CODE(ocitar_output_open(&o, at("d/f"), NULL), OCITAR_OK);
    must(unlinkat(o.directory, o.temp, 0) == 0, "unlink");
    CHECK_CODE(ocitar_output_commit(&o, 0, &code), OCITAR_E_SYSTEM);
    CHECK(code == ENOENT && count_names("d") == 0);
    CHECK_CODE(ocitar_output_commit(&o, 0, &code), OCITAR_E_STATE);
    clean();
}

/* A device of our own where that is allowed: whoever breaks this code, as root,
   should not lose the machine's /dev/null. */
static const char *null_device(void)
{
    static char path[64];
    int fd = -1;

    snprintf(path, sizeof path, "%s/null", base);
    if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) == 0)
        fd = open(path, O_WRONLY);
    if (fd < 0)
        return "/dev/null";
    close(fd);
    return path;
}

static void test_output_to_a_device(void)
{
    const char *device = null_device();
    struct stat st;
    ocitar_output o;
    int round;

    for (round = 0; round < 2; round++) {
        CHECK_CODE(ocitar_output_open(&o, device, NULL), OCITAR_OK);
        CHECK(o.directory == -1);
        output_put(&o, "text");
        if (round == 0)
            CHECK_CODE(ocitar_output_commit(&o, 1, NULL), OCITAR_OK);
        else
            ocitar_output_abandon(&o);
        CHECK(stat(device, &st) == 0 && S_ISCHR(st.st_mode));
    }
    clean();
}

/* Renaming would replace the link, and nobody could say where to. */
static void test_output_to_a_dangling_link(void)
{
    struct stat st;
    ocitar_output o;
    int code = 0;

    make_link("nowhere", "soft");
    CHECK_CODE(ocitar_output_open(&o, at("soft"), &code), OCITAR_E_SYSTEM);
    CHECK(code == ENOENT);
    CHECK(lstat(at("soft"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(count_names(".") == 1);
    clean();
}

/* All-zero is "never begun", here too; descriptor 0 stays open. */
static void test_hosted_zeroed(void)
{
    ocitar_output o = OCITAR_ZERO;
    ocitar_temp t = OCITAR_ZERO;
    ocitar_directory d = OCITAR_ZERO;

    ocitar_output_abandon(&o);
    ocitar_temp_end(&t);
    ocitar_directory_end(&d);
    CHECK_CODE(ocitar_output_commit(&o, 0, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_directory_finish(&d), OCITAR_E_STATE);
    CHECK(fcntl(0, F_GETFD) >= 0);
    CHECK_CODE(ocitar_output_commit(NULL, 0, NULL), OCITAR_E_ARG);
}

static void test_output_to_a_fifo(void)
{
    char text[8];
    ocitar_output o;
    int reader;

    must(mkfifo(at("fifo"), 0600) == 0, "mkfifo");
    reader = open(at("fifo"), O_RDONLY | O_NONBLOCK);
    must(reader >= 0, "fifo");
    CHECK_CODE(ocitar_output_open(&o, at("fifo"), NULL), OCITAR_OK);
    output_put(&o, "text");
    CHECK_CODE(ocitar_output_commit(&o, 0, NULL), OCITAR_OK);
    CHECK(read(reader, text, 8) == 4 && memcmp(text, "text", 4) == 0);
    CHECK((mode_of("fifo") & S_IFMT) == S_IFIFO && count_names(".") == 1);
    close(reader);
    clean();
}

static void test_output_to_stdout(void)
{
    ocitar_output o;

    CHECK_CODE(ocitar_output_open(&o, "-", NULL), OCITAR_OK);
    CHECK(o.fd.descriptor == 1 && o.directory == -1);
    CHECK_CODE(ocitar_output_commit(&o, 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_output_commit(&o, 1, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_output_open(&o, "-", NULL), OCITAR_OK);
    ocitar_output_abandon(&o);
    CHECK(fcntl(1, F_GETFD) >= 0);
}

/* ---- the directory driver ---- */

static void directory_start(ocitar_directory *d, ocitar_layout *l, int sync)
{
    ocitar_layout_desc desc = OCITAR_ZERO;

    CHECK_CODE(ocitar_directory_begin(d, at("layout"), sync, NULL),
               OCITAR_OK);
    ocitar_directory_layout(d, &desc);
    CHECK_CODE(ocitar_layout_begin(l, NULL, &desc), OCITAR_OK);
}

static void test_directory(void)
{
    ocitar_index_desc id = OCITAR_ZERO;
    ocitar_directory d;
    ocitar_layout l;
    ocitar_index index;
    ocitar_source source = OCITAR_ZERO;
    ocitar_blob b;
    unsigned char bytes[16];
    size_t n = 0;
    int sync;

    for (sync = 0; sync < 2; sync++) {
        directory_start(&d, &l, sync);
        CHECK_CODE(ocitar_index_begin(&index, &l, &id), OCITAR_OK);
        CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&b, content, 5000), OCITAR_OK);
        CHECK_CODE(ocitar_blob_put(&l, 0, "y", 1, NULL), OCITAR_E_BUSY);
        CHECK_CODE(ocitar_directory_finish(&d), OCITAR_E_STATE);
        CHECK_CODE(ocitar_blob_commit(&b, 5000, NULL), OCITAR_OK);
        CHECK(count_names("layout/blobs/sha256") == 2);
        CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_OK); /* again */
        CHECK(count_names("layout/blobs/sha256") == 2);
        CHECK_CODE(ocitar_file_put(&l, "a/./b//c", 0, 0640, "text", 4),
                   OCITAR_OK);
        CHECK(file_holds("layout/a/b/c", "text", 4) &&
              mode_of("layout/a/b/c") == (S_IFREG | 0640));
        CHECK_CODE(ocitar_layout_reader(&l, "a/b/c", &source), OCITAR_OK);
        CHECK(source.get_fn(source.user, bytes, 16, &n) == 0 && n == 4 &&
              source.rewind_fn != NULL);
        CHECK_CODE(ocitar_layout_remove(&l, "a/b/c"), OCITAR_OK);
        CHECK(!exists("layout/a/b/c") && exists("layout/a/b"));
        CHECK_CODE(ocitar_index_end(&index), OCITAR_OK);
        CHECK_CODE(ocitar_directory_finish(&d), OCITAR_OK);
        CHECK_CODE(ocitar_directory_finish(&d), OCITAR_OK);
        CHECK_CODE(ocitar_file_put(&l, "f", 0, 0640, "", 0), OCITAR_E_STATE);
        ocitar_directory_end(&d);
        ocitar_directory_end(&d);
        CHECK(file_holds("layout/oci-layout",
                         "{\"imageLayoutVersion\":\"1.0.0\"}", 30));
        CHECK(count_names("layout") == 5);
        clean();
    }
}

/* A layout that is there already is taken up again. */
static void test_directory_again(void)
{
    ocitar_directory d;
    ocitar_layout l;
    int round;

    for (round = 0; round < 2; round++) {
        directory_start(&d, &l, 0);
        CHECK_CODE(ocitar_layout_init(&l), OCITAR_OK);
        CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_file_put(&l, "f", 0, 0644, "xy", 2), OCITAR_OK);
        CHECK_CODE(ocitar_directory_finish(&d), OCITAR_OK);
        ocitar_directory_end(&d);
        CHECK(count_names("layout/blobs/sha256") == 1);
        CHECK(count_names("layout") == 2 && file_holds("layout/f", "xy", 2));
    }
    clean();
}

/* A blob of another size under that name is no such blob. */
static void test_directory_of_a_torn_blob(void)
{
    static const char *const name =
        "layout/blobs/sha256/"
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    ocitar_directory d;
    ocitar_layout l;

    directory_start(&d, &l, 0);
    CHECK_CODE(ocitar_layout_init(&l), OCITAR_OK);
    make_file(name, "", 0, 0444);
    CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_OK);
    CHECK(file_holds(name, "x", 1) && mode_of(name) == (S_IFREG | 0444));
    CHECK_CODE(ocitar_directory_finish(&d), OCITAR_OK);
    ocitar_directory_end(&d);
    clean();
}

static void test_directory_refuses(void)
{
    static const char *const names[] = { "..", "../x", "/x", "", "a/../../b",
                                         ".", "./", "f/" };
    ocitar_source source = OCITAR_ZERO;
    ocitar_directory d;
    ocitar_layout l;
    size_t i;

    make_file("secret", "secret", 6, 0644);
    directory_start(&d, &l, 0);
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK_CODE(ocitar_file_put(&l, names[i], 0, 0644, "x", 1),
                   OCITAR_E_NAME);
    CHECK_CODE(ocitar_layout_remove(&l, "../secret"), OCITAR_E_NAME);
    CHECK_CODE(ocitar_layout_reader(&l, "../secret", &source),
               OCITAR_E_NAME);
    CHECK_CODE(ocitar_layout_remove(&l, "none"), OCITAR_E_SYSTEM);
    CHECK(ocitar_directory_error(&d)->user_code == ENOENT);
    CHECK_CODE(ocitar_layout_reader(&l, "none", &source), OCITAR_E_SYSTEM);
    CHECK(ocitar_directory_error(&d)->user_code == ENOENT);
    make_link("..", "layout/up");
    make_link("../secret", "layout/secret");
    make_dir("layout/dir", 0755);
    CHECK_CODE(ocitar_file_put(&l, "up/x", 0, 0644, "x", 1), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_layout_remove(&l, "up/secret"), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_layout_reader(&l, "up/secret", &source),
               OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_layout_reader(&l, "secret", &source), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_layout_reader(&l, "dir", &source), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_file_put(&l, "dir", 0, 0644, "x", 1), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_file_put(&l, "secret", 0, 0644, "x", 1), OCITAR_OK);
    CHECK(file_holds("secret", "secret", 6)); /* the link was replaced */
    CHECK(file_holds("layout/secret", "x", 1));
    CHECK(count_names(".") == 2 && count_names("layout") == 3);
    CHECK_CODE(ocitar_directory_finish(&d), OCITAR_OK);
    ocitar_directory_end(&d);
    clean();
}

static void test_directory_begin_fails(void)
{
    ocitar_directory d;
    int code = 0;

    CHECK_CODE(ocitar_directory_begin(&d, at("missing/d"), 0, &code),
               OCITAR_E_SYSTEM);
    CHECK(code == ENOENT);
    CHECK_CODE(ocitar_directory_finish(&d), OCITAR_E_STATE);
    ocitar_directory_end(&d);
    make_file("file", "", 0, 0644);
    CHECK_CODE(ocitar_directory_begin(&d, at("file"), 0, &code),
               OCITAR_E_SYSTEM);
    CHECK(code == ENOTDIR);
    CHECK_CODE(ocitar_directory_begin(&d, NULL, 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_directory_begin(NULL, "x", 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_directory_finish(NULL), OCITAR_E_ARG);
    CHECK(ocitar_directory_error(NULL)->code == OCITAR_E_ARG);
    ocitar_directory_end(NULL);
    clean();
}

/* What is open at the end leaves nothing behind. */
static void test_directory_end_early(void)
{
    ocitar_directory d;
    ocitar_layout l;
    ocitar_blob b;

    directory_start(&d, &l, 0);
    CHECK_CODE(ocitar_layout_init(&l), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
    ocitar_directory_end(&d);
    CHECK(count_names("layout/blobs/sha256") == 0);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
    clean();
}

/* ---- the walk ---- */

typedef struct walk {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_allocator heap;
    ocitar_descriptor pool[2];
    ocitar_tree_desc desc;
    unsigned char buffer[512], bytes[512];
    size_t at;
} walk;

static int walk_put(void *user, const void *data, size_t len);
static int walk_put_at(void *user, uint64_t offset, const void *data,
                       size_t len)
{
    memcpy(((check_sink *)user)->data + offset, data, len);
    return 0;
}

static int walk_cut(void *user, uint64_t offset)
{
    ((check_sink *)user)->len = (size_t)offset;
    return 0;
}

/* What a sink does besides, once; a test may set it. */
static void (*sink_does)(void);

static int walk_put(void *user, const void *data, size_t len)
{
    if (sink_does != NULL)
        sink_does();
    return check_put(user, data, len);
}

static int walk_layer(walk *w, uint8_t way)
{
    ocitar_layer_desc d = OCITAR_ZERO;

    d.wait.way = way;
    d.wait.spool = &w->spool;
    return ocitar_layer_begin(&w->layer, &w->image, &d);
}

static void walk_start(walk *w, uint8_t way)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_spool_desc s = OCITAR_ZERO;
    ocitar_index_desc d = OCITAR_ZERO;
    ocitar_image_desc i = OCITAR_ZERO;

    memset(w, 0, sizeof *w);
    a.buffer = w->buffer;
    a.buffer_size = sizeof w->buffer;
    a.sink.put_fn = walk_put;
    a.sink.put_at_fn = walk_put_at;
    a.sink.truncate_fn = walk_cut;
    a.sink.user = &w->out;
    ocitar_heap(&w->heap);
    s.allocator = &w->heap;
    d.descriptors = w->pool;
    d.capacity = 2;
    CHECK_CODE(ocitar_spool_begin(&w->spool, &s), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&w->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&w->layout, &w->archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&w->index, &w->layout, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&w->image, &w->index, &i), OCITAR_OK);
    CHECK_CODE(walk_layer(w, way), OCITAR_OK);
    w->desc.path = base;
    w->desc.allocator = &w->heap;
    w->desc.buffer = w->bytes;
    w->desc.buffer_size = sizeof w->bytes;
    w->at = 1024 + 512; /* where the layer's first entry stands */
}

static void walk_stop(walk *w)
{
    int e = ocitar_image_end(&w->image);

    if (e == OCITAR_OK)
        e = ocitar_index_end(&w->index);
    if (e == OCITAR_OK)
        e = ocitar_archive_finish(&w->archive);
    CHECK_CODE(e, OCITAR_OK);
    ocitar_spool_end(&w->spool);
    free(w->out.data);
}

/* The walk went wrong: all that is above says so, until it is abandoned. */
static void walk_spoilt(walk *w, int code, int user_code)
{
    CHECK_CODE(ocitar_layer_end(&w->layer), code);
    CHECK_CODE(ocitar_archive_finish(&w->archive), code);
    CHECK(ocitar_archive_error(&w->archive)->user_code == user_code);
    CHECK_CODE(ocitar_layer_abandon(&w->layer), OCITAR_OK);
    CHECK(ocitar_archive_size(&w->archive) == 1024);
    walk_stop(w);
}

/* A pax record as it stands in the archive. */
typedef struct record {
    const char *key, *value;
    size_t key_len, value_len;
} record;

typedef struct item {
    char name[1024], link[1024];
    char type;
    unsigned long mode, uid, gid;
    long long mtime;
    size_t size;
    const unsigned char *body;
    const unsigned char *records; /* the 'x' entry's body, or NULL */
    size_t records_size;
} item;

static unsigned long long octal(const unsigned char *field, size_t width)
{
    char text[16];

    memcpy(text, field, width);
    text[width] = 0;
    return strtoull(text, NULL, 8);
}

/* The record at *p, and *p behind it: "length key=value\n", the length that
   of all of it, in decimal without a 0 before it. 0 at the end, -1: none. */
static int record_next(const char **p, const char *end, record *r)
{
    const char *s = *p, *mark;
    size_t len = 0;

    if (s == end)
        return 0;
    if (*s == '0')
        return -1;
    for (; s < end && *s >= '0' && *s <= '9'; s++)
        len = 10 * len + (size_t)(*s - '0');
    if (s == end || *s++ != ' ' || len > (size_t)(end - *p) ||
        len < (size_t)(s - *p) + 3 || (*p)[len - 1] != '\n')
        return -1;
    *p += len;
    mark = (const char *)memchr(s, '=', (size_t)(*p - s));
    if (mark == NULL || mark == s)
        return -1;
    r->key = s;
    r->key_len = (size_t)(mark - s);
    r->value = mark + 1;
    r->value_len = (size_t)(*p - 1 - r->value);
    return 1;
}

static int record_is(const record *r, const char *key)
{
    return r->key_len == strlen(key) && memcmp(r->key, key, r->key_len) == 0;
}

/* Takes pax records over; they are sorted by key, no key occurs twice. */
static void read_records(item *it, const unsigned char *body, size_t size)
{
    const char *p = (const char *)body, *end = p + size;
    record r, last = { NULL, NULL, 0, 0 };
    int more, order;

    while ((more = record_next(&p, end, &r)) > 0) {
        if (last.key != NULL) {
            order = memcmp(last.key, r.key, last.key_len < r.key_len
                                                ? last.key_len : r.key_len);
            CHECK(order < 0 || (order == 0 && last.key_len < r.key_len));
        }
        last = r;
        if (record_is(&r, "path"))
            snprintf(it->name, sizeof it->name, "%.*s", (int)r.value_len,
                     r.value);
        else if (record_is(&r, "linkpath"))
            snprintf(it->link, sizeof it->link, "%.*s", (int)r.value_len,
                     r.value);
        else if (record_is(&r, "mtime"))
            it->mtime = strtoll(r.value, NULL, 10);
    }
    CHECK(more == 0 && size > 0);
    it->records = body;
    it->records_size = size;
}

/* The layer's next entry; 0 at its end. */
static int walk_next(walk *w, item *it)
{
    const unsigned char *h = w->out.data + w->at;

    if (h[0] == 0)
        return 0;
    memset(it, 0, sizeof *it);
    it->size = (size_t)octal(h + 124, 12);
    it->mtime = (long long)octal(h + 136, 12);
    w->at += 512 + (it->size + 511) / 512 * 512;
    snprintf(it->name, sizeof it->name, "%.155s%s%.100s",
             (const char *)h + 345, h[345] != 0 ? "/" : "", (const char *)h);
    snprintf(it->link, sizeof it->link, "%.100s", (const char *)h + 157);
    if (h[156] == 'x') {
        const unsigned char *records = h + 512;
        size_t size = it->size;

        h = w->out.data + w->at;
        it->size = (size_t)octal(h + 124, 12);
        it->mtime = (long long)octal(h + 136, 12);
        w->at += 512 + (it->size + 511) / 512 * 512;
        snprintf(it->name, sizeof it->name, "%.100s", (const char *)h);
        snprintf(it->link, sizeof it->link, "%.100s", (const char *)h + 157);
        read_records(it, records, size);
    }
    it->type = (char)h[156];
    it->mode = (unsigned long)octal(h + 100, 8);
    it->uid = (unsigned long)octal(h + 108, 8);
    it->gid = (unsigned long)octal(h + 116, 8);
    it->body = h + 512;
    return 1;
}

/* The walk itself, and the layer's end; then the entries can be read. */
static void walk_run(walk *w)
{
    CHECK_CODE(ocitar_layer_tree(&w->layer, &w->desc), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&w->layer), OCITAR_OK);
}

static void next_is(walk *w, const char *name, char type, unsigned long mode,
                    const char *link, size_t size)
{
    item it;

    CHECK(walk_next(w, &it));
    CHECK(strcmp(it.name, name) == 0 && strcmp(it.link, link) == 0);
    CHECK(it.type == type && it.mode == mode && it.size == size);
    CHECK(it.size == 0 || memcmp(it.body, content, it.size) == 0);
}

static void test_tree_empty(void)
{
    walk w;
    item it;

    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    CHECK(w.pool[0].size == 1024);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
}

static void make_tree(void)
{
    make_dir("a", 01777);
    make_dir("a/empty", 0700);
    make_file("a/z", content, 1000, 04755);
    make_file("a-", content, 512, 0644);
    make_file("a.b", content, 0, 0600);
    make_file("B", content, 1, 0400);
    make_file("\xC3\xA9", content, 2, 0644);
    make_file("h1", content, 3, 0644);
    must(link(at("h1"), at("h2")) == 0 && link(at("h1"), at("a/h0")) == 0,
         "link");
    make_link("a", "s1");
    make_link("/nowhere/at/all", "s2");
    must(mkfifo(at("fifo"), 0620) == 0 && chmod(at("fifo"), 0620) == 0,
         "fifo");
}

static void tree_is(walk *w)
{
    item it;

    next_is(w, "B", '0', 0400, "", 1);
    next_is(w, "a/", '5', 01777, "", 0);
    next_is(w, "a/empty/", '5', 0700, "", 0);
    next_is(w, "a/h0", '0', 0644, "", 3);
    next_is(w, "a/z", '0', 04755, "", 1000);
    next_is(w, "a-", '0', 0644, "", 512);
    next_is(w, "a.b", '0', 0600, "", 0);
    next_is(w, "fifo", '6', 0620, "", 0);
    next_is(w, "h1", '1', 0644, "a/h0", 0);
    next_is(w, "h2", '1', 0644, "a/h0", 0);
    next_is(w, "s1", '2', 0777, "a", 0);
    next_is(w, "s2", '2', 0777, "/nowhere/at/all", 0);
    next_is(w, "\xC3\xA9", '0', 0644, "", 2);
    CHECK(!walk_next(w, &it));
}

static void test_tree(void)
{
    char path[64];
    walk w;
    uint8_t way;

    make_tree();
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        walk_start(&w, way);
        snprintf(path, sizeof path, "%s%s", base, way == 1 ? "" : "///");
        w.desc.path = path;
        walk_run(&w);
        tree_is(&w);
        walk_stop(&w);
    }
    clean();
}

/* Two walks into one layer; the second in another directory. */
static void test_tree_after_entries(void)
{
    char path[64];
    walk w;
    item it;

    make_dir("one", 0755);
    make_file("one/f", content, 1, 0644);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    snprintf(path, sizeof path, "%s/one", base);
    w.desc.path = path;
    CHECK_CODE(ocitar_layer_dir(&w.layer, "first", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_OK);
    walk_run(&w);
    next_is(&w, "first", '5', 0755, "", 0);
    next_is(&w, "f", '0', 0644, "", 1);
    next_is(&w, "f", '0', 0644, "", 1);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

static void test_tree_of_many(void)
{
    char name[16];
    walk w;
    item it;
    int i, right = 0;

    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "f%03d", i * 617 % 1000);
        make_file(name, "", 0, 0644);
    }
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    for (i = 0; i < 1000 && walk_next(&w, &it); i++) {
        snprintf(name, sizeof name, "f%03d", i);
        right += strcmp(name, it.name) == 0;
    }
    CHECK(right == 1000 && !walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* More files of two names than the walk's first table holds. */
static void test_tree_of_many_links(void)
{
    char name[16], link_name[16];
    walk w;
    item it;
    int i, right = 0;

    for (i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a%03d", i);
        snprintf(link_name, sizeof link_name, "b%03d", i);
        make_file(name, "x", 1, 0644);
        must(link(at(name), at(link_name)) == 0, "link");
    }
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    for (i = 0; i < 600 && walk_next(&w, &it); i++) {
        snprintf(name, sizeof name, "a%03d", i % 300);
        right += i < 300 ? it.type == '0' && strcmp(it.name, name) == 0
                         : it.type == '1' && strcmp(it.link, name) == 0;
    }
    CHECK(right == 600 && !walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* What only root can make, or a container's builder. */
static void test_tree_of_devices(void)
{
    walk w;
    item it;

    if (mknod(at("char"), S_IFCHR | 0620, makedev(5, 1)) != 0)
        return;
    must(mknod(at("disk"), S_IFBLK | 0660, makedev(8, 17)) == 0, "mknod");
    must(chmod(at("char"), 0620) == 0 && chmod(at("disk"), 0660) == 0,
         "chmod");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    CHECK(walk_next(&w, &it) && it.type == '3' && it.mode == 0620);
    CHECK(octal(it.body - 512 + 329, 8) == 5);
    CHECK(octal(it.body - 512 + 337, 8) == 1);
    CHECK(walk_next(&w, &it) && it.type == '4' && it.mode == 0660);
    CHECK(octal(it.body - 512 + 329, 8) == 8);
    CHECK(octal(it.body - 512 + 337, 8) == 17);
    walk_stop(&w);
    clean();
}

static void test_tree_long_names(void)
{
    char name[255 + 1], other[255 + 1];
    walk w;
    item it;

    memset(name, 'n', 255);
    name[255] = 0;
    memset(other, 'o', 255);
    other[255] = 0;
    make_file(name, content, 700, 0644);
    make_link(name, other);
    must(link(at(name), at("z")) == 0, "link");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    next_is(&w, name, '0', 0644, "", 700);
    next_is(&w, other, '2', 0777, name, 0);
    next_is(&w, "z", '1', 0644, name, 0);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

static void test_tree_deep(void)
{
    char path[2 * 200 + 8] = "";
    char name[2 * 200 + 8];
    walk w;
    item it;
    int i;

    for (i = 0; i < 200; i++) {
        strcat(path, i == 0 ? "d" : "/d");
        make_dir(path, 0755);
    }
    strcat(path, "/f");
    make_file(path, content, 5, 0644);
    make_file("z", content, 6, 0644);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    for (i = 1; i <= 200; i++) {
        snprintf(name, sizeof name, "%.*s", 2 * i, path);
        next_is(&w, name, '5', 0755, "", 0);
    }
    next_is(&w, path, '0', 0644, "", 5);
    next_is(&w, "z", '0', 0644, "", 6);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* A symlink whose target needs more room than was there at first. */
static void test_tree_long_link(void)
{
    static char target[3000];
    walk w;
    item it;

    memset(target, 't', sizeof target - 1);
    make_link(target, "s");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    CHECK(walk_next(&w, &it) && it.type == '2' && strlen(it.link) == 1023);
    CHECK(memcmp(it.link, target, 1023) == 0);
    CHECK(w.pool[0].size == 512 + 512 * 6 + 512 + 1024); /* "3013 linkpath=" */
    walk_stop(&w);
    clean();
}

static void set_mtime(const char *name, time_t seconds, long nanoseconds)
{
    struct timespec t[2];

    t[0].tv_sec = t[1].tv_sec = seconds;
    t[0].tv_nsec = t[1].tv_nsec = nanoseconds;
    must(utimensat(AT_FDCWD, at(name), t, AT_SYMLINK_NOFOLLOW) == 0, name);
}

static void test_tree_times_and_owners(void)
{
    walk w;
    item it;

    make_file("f1", "", 0, 0644);
    make_file("f2", "", 0, 0644);
    make_link("x", "f3");
    set_mtime("f1", 1000000000, 999999999);
    set_mtime("f2", 2000000000, 0);
    set_mtime("f3", 2000000000, 0);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    CHECK(walk_next(&w, &it) && it.mtime == 1000000000);
    CHECK(it.uid == (unsigned long)geteuid() &&
          it.gid == (unsigned long)getegid());
    CHECK(walk_next(&w, &it) && it.mtime == 2000000000);
    walk_stop(&w);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.mtime_max.set = 1;
    w.desc.mtime_max.seconds = 1500000000;
    w.desc.own = 1;
    w.desc.uid = 123;
    w.desc.gid = 456;
    walk_run(&w);
    CHECK(walk_next(&w, &it) && it.mtime == 1000000000);
    CHECK(walk_next(&w, &it) && it.mtime == 1500000000);
    CHECK(walk_next(&w, &it) && it.mtime == 1500000000);
    CHECK(it.uid == 123 && it.gid == 456);
    walk_stop(&w);
    clean();
}

/* ---- what the walk tells ---- */

typedef struct story {
    char text[1024];
    int calls, stop_at, code, failed, system_error;
} story;

static int tell(void *user, int what, const char *name, int system_error)
{
    story *s = (story *)user;
    size_t n = strlen(s->text);

    s->calls++;
    snprintf(s->text + n, sizeof s->text - n, "%c%s;",
             what == OCITAR_TREE_ENTRY ? '+'
             : what == OCITAR_TREE_SKIPPED ? '-' : '!', name);
    if (what == OCITAR_TREE_FAILED) {
        s->failed++;
        s->system_error = system_error;
    }
    return s->calls == s->stop_at ? s->code : 0;
}

static void walk_tell(walk *w, story *s)
{
    memset(s, 0, sizeof *s);
    w->desc.notify_fn = tell;
    w->desc.notify_user = s;
}

static void make_socket(const char *name)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s", at(name));
    must(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&address,
                         sizeof address) == 0, "socket");
    close(fd);
}

static void test_tree_notify(void)
{
    story s;
    walk w;
    item it;

    make_dir("d", 0755);
    make_file("d/f", content, 1, 0644);
    make_socket("d/s");
    make_file("g", content, 2, 0644);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_tell(&w, &s);
    walk_run(&w);
    CHECK(strcmp(s.text, "+d;+d/f;-d/s;+g;") == 0);
    next_is(&w, "d/", '5', 0755, "", 0);
    next_is(&w, "d/f", '0', 0644, "", 1);
    next_is(&w, "g", '0', 0644, "", 2);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
}

static void test_tree_notify_stops(void)
{
    story s;
    walk w;
    int at_call;

    for (at_call = 1; at_call <= 4; at_call++) {
        walk_start(&w, OCITAR_WAIT_PATCH);
        walk_tell(&w, &s);
        s.stop_at = at_call;
        s.code = 90 + at_call;
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_SOURCE);
        CHECK(s.calls == at_call && s.failed == 0);
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_SOURCE);
        CHECK(s.calls == at_call);
        walk_spoilt(&w, OCITAR_E_SOURCE, 90 + at_call);
    }
    clean();
}

static void tree_fails(const char *path, int code, int system_error,
                       const char *text)
{
    story s;
    walk w;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        walk_start(&w, way);
        walk_tell(&w, &s);
        w.desc.path = path;
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), code);
        CHECK(strcmp(s.text, text) == 0);
        CHECK(s.failed == 1 && s.system_error == system_error);
        walk_spoilt(&w, code, system_error);
        walk_start(&w, way); /* and without anybody to tell */
        w.desc.path = path;
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), code);
        walk_spoilt(&w, code, system_error);
    }
}

static void test_tree_missing(void)
{
    make_file("file", "", 0, 0644);
    tree_fails(at("missing"), OCITAR_E_SYSTEM, ENOENT, "!;");
    tree_fails(at("file"), OCITAR_E_SYSTEM, ENOTDIR, "!;");
    tree_fails("", OCITAR_E_SYSTEM, ENOENT, "!;");
    clean();
}

/* As somebody who may not read everything, also if root runs the tests. */
static void test_tree_unreadable(void)
{
    uid_t me = geteuid();

    must(chmod(base, 0755) == 0, "chmod");
    make_file("a", content, 1, 0644);
    make_file("b", content, 1, 0);
    if (me != 0 || seteuid(65534) == 0)
        tree_fails(base, OCITAR_E_SYSTEM, EACCES, "+a;+b;!b;");
    must(geteuid() == me || seteuid(me) == 0, "seteuid");
    clean();
    make_dir("d", 0);
    if (me != 0 || seteuid(65534) == 0)
        tree_fails(base, OCITAR_E_SYSTEM, EACCES, "+d;!d/;");
    must(geteuid() == me || seteuid(me) == 0, "seteuid");
    must(chmod(at("d"), 0700) == 0, "chmod");
    clean();
}

/* ---- a tree that changes under the walk ---- */

static int swap_file(void *user, int what, const char *name, int error)
{
    (void)error;
    if (what == OCITAR_TREE_ENTRY && strcmp(name, (const char *)user) == 0)
        must(rename(at("outside"), at("tree/victim")) == 0, "rename");
    return 0;
}

static int swap_dir(void *user, int what, const char *name, int error)
{
    (void)error;
    if (what == OCITAR_TREE_ENTRY && strcmp(name, (const char *)user) == 0)
        must(rename(at("tree/victim"), at("was")) == 0 &&
             rename(at("outside"), at("tree/victim")) == 0, "rename");
    return 0;
}

static int unlink_file(void *user, int what, const char *name, int error)
{
    (void)error;
    if (what == OCITAR_TREE_ENTRY && strcmp(name, (const char *)user) == 0)
        must(unlink(at("tree/victim")) == 0, "unlink");
    return 0;
}

static int move_parent(void *user, int what, const char *name, int error)
{
    (void)error;
    if (what == OCITAR_TREE_ENTRY && strcmp(name, (const char *)user) == 0) {
        make_dir("elsewhere", 0755);
        must(rename(at("tree/victim"), at("elsewhere/v")) == 0, "rename");
    }
    return 0;
}

static void tree_changes(int (*notify_fn)(void *, int, const char *, int),
                         char *name, int code, int user_code)
{
    char path[64];
    walk w;

    snprintf(path, sizeof path, "%s/tree", base);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.path = path;
    w.desc.notify_fn = notify_fn;
    w.desc.notify_user = name;
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), code);
    walk_spoilt(&w, code, user_code);
    clean();
}

/* Another of the same kind, before it is opened, is simply what is there. */
static void tree_finds(int (*notify_fn)(void *, int, const char *, int),
                       char *name)
{
    char path[64];
    walk w;

    snprintf(path, sizeof path, "%s/tree", base);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.path = path;
    w.desc.notify_fn = notify_fn;
    w.desc.notify_user = name;
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_OK);
    CHECK_CODE(ocitar_layer_abandon(&w.layer), OCITAR_OK);
    walk_stop(&w);
    clean();
}

static void test_tree_changes(void)
{
    static char victim[] = "victim", inner[] = "victim/f";

    make_dir("tree", 0755);
    make_file("tree/victim", "v", 1, 0644);
    make_file("outside", "o", 1, 0644);
    tree_finds(swap_file, victim);
    make_dir("tree", 0755);
    make_dir("tree/victim", 0755);
    make_dir("outside", 0755);
    tree_finds(swap_dir, victim);
    make_dir("tree", 0755); /* a file that becomes a fifo is not waited for */
    make_file("tree/victim", "v", 1, 0644);
    must(mkfifo(at("outside"), 0644) == 0, "mkfifo");
    tree_changes(swap_file, victim, OCITAR_E_CHANGED, 0);
    make_dir("tree", 0755); /* and a directory none that became a file */
    make_dir("tree/victim", 0755);
    make_file("outside", "o", 1, 0644);
    tree_changes(swap_dir, victim, OCITAR_E_SYSTEM, ENOTDIR);
    make_dir("tree", 0755);
    make_file("tree/victim", "v", 1, 0644);
    make_link("/etc/passwd", "outside"); /* not followed */
    tree_changes(swap_file, victim, OCITAR_E_SYSTEM, ELOOP);
    make_dir("tree", 0755);
    make_file("tree/victim", "v", 1, 0644);
    tree_changes(unlink_file, victim, OCITAR_E_SYSTEM, ENOENT);
    make_dir("tree", 0755);
    make_dir("tree/victim", 0755);
    make_file("tree/victim/f", "v", 1, 0644);
    make_file("tree/z", "v", 1, 0644);
    tree_changes(move_parent, inner, OCITAR_E_CHANGED, 0);
}

static off_t resize_to;

static void sink_resizes(void)
{
    struct stat st;

    if (stat(at("big"), &st) == 0 && st.st_size != resize_to)
        must(truncate(at("big"), resize_to) == 0, "truncate");
}

/* The sink changes the file while its bytes are read. */
static void test_tree_file_changes_size(void)
{
    static const off_t sizes[] = { 100, 600, 4095, 4097, 50000 };
    story s;
    walk w;
    size_t i;

    for (i = 0; i < 5; i++) {
        make_file("big", content, 4096, 0644);
        walk_start(&w, OCITAR_WAIT_PATCH);
        walk_tell(&w, &s);
        resize_to = sizes[i];
        sink_does = sink_resizes;
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_CHANGED);
        sink_does = NULL;
        CHECK(strcmp(s.text, "+big;!big;") == 0);
        walk_spoilt(&w, OCITAR_E_CHANGED, 0);
    }
    clean();
}

/* ---- memory ---- */

typedef struct purse {
    size_t live, calls, fail_at, wrong;
} purse;

static void *purse_resize(void *user, void *old, size_t old_size,
                          size_t new_size)
{
    purse *p = (purse *)user;
    void *memory = NULL;

    p->wrong += (old == NULL) != (old_size == 0);
    if (new_size > 0 && ++p->calls == p->fail_at)
        return NULL;
    if (new_size > 0) {
        memory = malloc(new_size);
        must(memory != NULL, "malloc");
        memset(memory, 0xA5, new_size);
        if (old != NULL)
            memcpy(memory, old, old_size < new_size ? old_size : new_size);
    }
    free(old);
    p->live += new_size - old_size;
    return memory;
}

static void test_tree_without_memory(void)
{
    ocitar_allocator allocator = { purse_resize, NULL };
    char name[256];
    purse p;
    walk w;
    size_t n;
    int e, i;

    make_tree();
    memset(name, 'n', 255);
    name[255] = 0;
    for (i = 0; i < 4; i++) {
        name[0] = (char)('0' + i);
        make_file(name, "", 0, 0644);
    }
    for (n = 1, e = OCITAR_E_MEMORY; e != OCITAR_OK && n < 1000; n++) {
        memset(&p, 0, sizeof p);
        p.fail_at = n;
        allocator.user = &p;
        walk_start(&w, n % 2 ? OCITAR_WAIT_SPOOL : OCITAR_WAIT_PATCH);
        w.desc.allocator = &allocator;
        e = ocitar_layer_tree(&w.layer, &w.desc);
        CHECK(p.live == 0 && p.wrong == 0);
        CHECK(e == OCITAR_E_MEMORY || p.calls < n);
        if (e != OCITAR_OK)
            walk_spoilt(&w, OCITAR_E_MEMORY, 0);
    }
    CHECK(e == OCITAR_OK && n > 8);
    CHECK_CODE(ocitar_layer_end(&w.layer), OCITAR_OK);
    walk_stop(&w);
    clean();
}

static void test_tree_arguments(void)
{
    ocitar_layer dead;
    walk w;
    int i;

    memset(&dead, 0, sizeof dead);
    for (i = 0; i < 6; i++) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        if (i == 0)
            w.desc.path = NULL;
        else if (i == 1)
            w.desc.allocator = NULL;
        else if (i == 2)
            w.desc.buffer = NULL;
        else if (i == 3)
            w.desc.buffer_size = 511;
        else if (i == 5)
            w.desc.exclude_count = 1; /* of none */
        CHECK_CODE(ocitar_layer_tree(&dead, &w.desc), OCITAR_E_STATE);
        CHECK_CODE(ocitar_layer_tree(NULL, &w.desc), OCITAR_E_ARG);
        CHECK_CODE(ocitar_layer_tree(&w.layer, i == 4 ? NULL : &w.desc),
                   OCITAR_E_ARG);
        walk_spoilt(&w, OCITAR_E_ARG, 0);
    }
}

static void test_tree_spool_full(void)
{
    static unsigned char room[700];
    walk w;
    story s;

    make_file("f", content, 1000, 0644);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    CHECK_CODE(ocitar_layer_abandon(&w.layer), OCITAR_OK);
    ocitar_spool_end(&w.spool);
    CHECK_CODE(ocitar_spool_begin_buffer(&w.spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(walk_layer(&w, OCITAR_WAIT_SPOOL), OCITAR_OK);
    walk_tell(&w, &s);
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_LIMIT);
    CHECK(strcmp(s.text, "+f;!f;") == 0 && s.system_error == 0);
    walk_spoilt(&w, OCITAR_E_LIMIT, 0);
    clean();
}

static int puts_left;

/* At the put of the file's last byte: its bytes are read, then it changes. */
static void sink_changes_late(void)
{
    if (--puts_left != 0)
        return;
    if (resize_to >= 0)
        must(truncate(at("big"), resize_to) == 0, "truncate");
    set_mtime("big", resize_to >= 0 ? 1000 : 2000, 0);
}

static void test_tree_file_changes_late(void)
{
    static const off_t sizes[] = { 0, 100, -1 };
    walk w;
    size_t i;

    for (i = 0; i < 3; i++) {
        make_file("big", content, 512, 0644);
        set_mtime("big", 1000, 0);
        walk_start(&w, OCITAR_WAIT_PATCH);
        resize_to = sizes[i];
        puts_left = 2; /* its head, its body */
        sink_does = sink_changes_late;
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_CHANGED);
        sink_does = NULL;
        CHECK(puts_left == 0);
        walk_spoilt(&w, OCITAR_E_CHANGED, 0);
    }
    clean();
}

/* ---- what the walk leaves out ---- */

static void write_names(walk *w, char *out, size_t size)
{
    size_t n = 0;
    item it;

    out[0] = 0;
    while (walk_next(w, &it))
        n += (size_t)snprintf(out + n, size - n, "%s ", it.name);
}

/* What of `all` is not in `kept`, each "name name "; both in one order. */
static void names_gone(const char *all, const char *kept, char *out)
{
    size_t n;

    for (; *all != 0; all += n) {
        n = strcspn(all, " ") + 1;
        if (strncmp(all, kept, n) == 0) {
            kept += n;
        } else {
            memcpy(out, all, n);
            out += n;
        }
    }
    *out = 0;
    CHECK(*kept == 0); /* nothing but what was there */
}

static const char exclude_all[] = ".git/ .git/x a/ a/b/ a/b/c.o a/c ab src/ "
                                  "src/.git/ src/.git/y src/m.c src/m.o "
                                  "\xC3\xA9 ";

static void make_exclude_tree(void)
{
    make_dir(".git", 0755);
    make_file(".git/x", content, 1, 0644);
    make_dir("a", 0755);
    make_dir("a/b", 0755);
    make_file("a/b/c.o", content, 2, 0644);
    make_file("a/c", content, 3, 0644);
    make_file("ab", content, 4, 0644);
    make_dir("src", 0755);
    make_dir("src/.git", 0755);
    make_file("src/.git/y", content, 5, 0644);
    make_file("src/m.c", content, 6, 0644);
    make_file("src/m.o", content, 7, 0644);
    make_file("\xC3\xA9", content, 8, 0644);
}

/* Walks with these patterns; `gone` is what is left out then. */
static void exclude_is(const char *const *patterns, size_t count,
                       const char *gone)
{
    char kept[256], missing[256];
    walk w;

    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.exclude = patterns;
    w.desc.exclude_count = count;
    walk_run(&w);
    write_names(&w, kept, sizeof kept);
    names_gone(exclude_all, kept, missing);
    CHECK(strcmp(missing, gone) == 0);
    if (strcmp(missing, gone) != 0)
        printf("  %s: \"%s\", not \"%s\"\n", count > 0 ? patterns[0] : "",
               missing, gone);
    walk_stop(&w);
}

static const struct { const char *pattern, *gone; } excludes[] = {
    /* without a '/': the last part */
    { "ab", "ab " },
    { ".git", ".git/ .git/x src/.git/ src/.git/y " },
    { "a", "a/ a/b/ a/b/c.o a/c " },
    { "b", "a/b/ a/b/c.o " },
    { "c", "a/c " },
    { "y", "src/.git/y " },
    { "*.o", "a/b/c.o src/m.o " },
    { "m.*", "src/m.c src/m.o " },
    { "*.*", ".git/ .git/x a/b/c.o src/.git/ src/.git/y src/m.c src/m.o " },
    { "*m*o*", "src/m.o " },
    { "*b*", "a/b/ a/b/c.o ab " },
    { "a*", "a/ a/b/ a/b/c.o a/c ab " },
    { "a?", "ab " },
    { "a*b*", "ab " },
    { "?", ".git/x a/ a/b/ a/b/c.o a/c src/.git/y " },
    { "??", "ab \xC3\xA9 " }, /* bytes */
    { "???", "a/b/c.o src/ src/.git/ src/.git/y src/m.c src/m.o " },
    { "?*?*?*?", ".git/ .git/x src/.git/ src/.git/y " },
    { "**.o", "a/b/c.o src/m.o " },
    { "s**y", "" },
    { "*", exclude_all },
    { "**", exclude_all },
    { "***", exclude_all },
    { "*?", exclude_all },
    { "?**", exclude_all },
    /* with one: the whole path */
    { "a/b", "a/b/ a/b/c.o " },
    { "a/*", "a/b/ a/b/c.o a/c " },
    { "a/**", "a/b/ a/b/c.o a/c " },
    { "a/?", "a/b/ a/b/c.o a/c " },
    { "a/b/*", "a/b/c.o " },
    { "a/b/c.o", "a/b/c.o " },
    { "*/b", "a/b/ a/b/c.o " },
    { "*/*.o", "src/m.o " },
    { "**/*.o", "a/b/c.o src/m.o " },
    { "**b/*", "a/b/c.o " },
    { "*b/*", "" },
    { "*b**/c.o", "" },
    { "**/b**", "a/b/ a/b/c.o " },
    { "**/y", "src/.git/y " },
    { "**/a", "" },
    { "src/?.c", "src/m.c " },
    { "src/m.?", "src/m.c src/m.o " },
    { "src/*/y", "src/.git/y " },
    { "src/*y", "" },
    { "src/**y", "src/.git/y " },
    { "s*c/*c", "src/m.c " },
    { "s**/y", "src/.git/y " },
    { "s**/**", "src/.git/ src/.git/y src/m.c src/m.o " },
    { "*/*", ".git/x a/b/ a/b/c.o a/c src/.git/ src/.git/y src/m.c "
             "src/m.o " },
    { "*/*/*", "a/b/c.o src/.git/y " },
    { "**/**/**", "a/b/c.o src/.git/y " },
    { "*/*/*/*", "" },
    { "a?b/**", "" },
    { "a?b/c.o", "" },
    { "a?" "?/c.o", "" },
    /* what no path is */
    { "", "" },
    { "/", "" },
    { "/a", "a/ a/b/ a/b/c.o a/c " }, /* anchored */
    { "/b", "" },
    { "./a", "" },
    { "a/", "" },
    { "*/", "" },
    { "**/", "" },
    { "A", "" },
    { "[a]", "" },
    { "\\a", "" },
    { "{a,ab}", "" },
    { "abc", "" },
    { "ab?", "" },
    { "ab*?", "" },
    { "?ab", "" }
};

static void test_tree_exclude(void)
{
    static const char *const three[] = { "*.o", "src/.git", "ab" };
    static const char *const same[] = { "ab", "ab", "a*b" };
    size_t i;

    make_exclude_tree();
    exclude_is(NULL, 0, "");
    exclude_is(three, 0, "");
    for (i = 0; i < sizeof excludes / sizeof excludes[0]; i++)
        exclude_is(&excludes[i].pattern, 1, excludes[i].gone);
    exclude_is(three, 1, "a/b/c.o src/m.o ");
    exclude_is(three, 2, "a/b/c.o src/.git/ src/.git/y src/m.o ");
    exclude_is(three, 3, "a/b/c.o ab src/.git/ src/.git/y src/m.o ");
    exclude_is(same, 3, "ab ");
    clean();
}

/* Nobody hears of what is left out, and it is not looked at: not a socket,
   and not the first name of a file that has two. */
static void test_tree_exclude_unseen(void)
{
    static const char *const patterns[] = { "dir", "h1", "*.sock" };
    story s;
    walk w;
    item it;

    make_dir("dir", 0);
    make_file("h1", content, 3, 0644);
    must(link(at("h1"), at("h2")) == 0 && link(at("h1"), at("h3")) == 0,
         "link");
    make_socket("x.sock");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_tell(&w, &s);
    w.desc.exclude = patterns;
    w.desc.exclude_count = 3;
    walk_run(&w);
    CHECK(strcmp(s.text, "+h2;+h3;") == 0);
    next_is(&w, "h2", '0', 0644, "", 3);
    next_is(&w, "h3", '1', 0644, "h2", 0);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* Patterns that a matcher which goes back to every '*' never gets through;
   SIGALRM ends the test then. */
static void test_tree_exclude_slow(void)
{
    static const char *const patterns[] = {
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
        "**a**a**a**a**a**a**a**a**a**a**a**a**b",
        "a*/a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
        "**a**/**a**a*a**a*a**a*a**a*a**a*a**a*a**b",
        "**/*a**/*a**/*a**/*a**/*a**/*a**/*a**/*a**/*a*b"
    };
    char name[256], path[2048] = "";
    size_t n = 0;
    walk w;
    int i;

    memset(name, 'a', 255);
    name[255] = 0;
    for (i = 0; i < 6; i++) {
        n += (size_t)snprintf(path + n, sizeof path - n, "%s%s",
                              i > 0 ? "/" : "", name);
        make_dir(path, 0755);
    }
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.exclude = patterns;
    w.desc.exclude_count = 5;
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_OK);
    alarm(0);
    CHECK_CODE(ocitar_layer_end(&w.layer), OCITAR_OK);
    for (i = 0; w.out.data[w.at] != 0; i++) { /* names are too long for item */
        w.at += 512 + (size_t)octal(w.out.data + w.at + 124, 12);
        w.at = (w.at + 511) / 512 * 512;
    }
    CHECK(i == 2 * 6); /* each with its path's record, but the first two */
    walk_stop(&w);
    clean();
}

/* ---- modes, times, the directory itself ---- */

static void test_tree_mode_mask(void)
{
    walk w;
    item it;

    make_dir("d", 02777);
    make_file("f", content, 2, 06757);
    must(link(at("f"), at("h")) == 0, "link");
    must(mkfifo(at("p"), 0600) == 0 && chmod(at("p"), 01666) == 0, "fifo");
    make_link("f", "s");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.mode_mask = 06022;
    walk_run(&w);
    next_is(&w, "d/", '5', 0755, "", 0);
    next_is(&w, "f", '0', 0755, "", 2);
    next_is(&w, "h", '1', 0755, "f", 0);
    next_is(&w, "p", '6', 01644, "", 0);
    next_is(&w, "s", '2', 0777, "f", 0);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    walk_start(&w, OCITAR_WAIT_SPOOL); /* more than a mode has */
    w.desc.mode_mask = UINT32_MAX;
    walk_run(&w);
    next_is(&w, "d/", '5', 0, "", 0);
    next_is(&w, "f", '0', 0, "", 2);
    next_is(&w, "h", '1', 0, "f", 0);
    next_is(&w, "p", '6', 0, "", 0);
    next_is(&w, "s", '2', 0777, "f", 0);
    walk_stop(&w);
    clean();
}

/* The entry's one record is this mtime; NULL: it has no record at all. */
static void mtime_is(walk *w, long long seconds, const char *text)
{
    const char *p;
    record r;
    item it;

    CHECK(walk_next(w, &it) && it.mtime == seconds);
    CHECK((it.records == NULL) == (text == NULL));
    if (it.records == NULL || text == NULL)
        return;
    p = (const char *)it.records;
    CHECK(record_next(&p, p + it.records_size, &r) == 1);
    CHECK(record_is(&r, "mtime") && r.value_len == strlen(text) &&
          memcmp(r.value, text, r.value_len) == 0);
    CHECK(p == (const char *)it.records + it.records_size);
}

/* Does the file system keep such a time? */
static int keeps_time(const char *name, time_t seconds, long nanoseconds)
{
    struct stat st;

    set_mtime(name, seconds, nanoseconds);
    must(lstat(at(name), &st) == 0, name);
    if (st.st_mtim.tv_sec == seconds && st.st_mtim.tv_nsec == nanoseconds)
        return 1;
    printf("skipped: a time of %ld.%09ld, which is not kept here\n",
           (long)seconds, nanoseconds);
    return 0;
}

static void walk_clamp(walk *w, uint8_t nanoseconds, int64_t max,
                       uint32_t max_nanoseconds)
{
    walk_start(w, OCITAR_WAIT_SPOOL);
    w->desc.nanoseconds = nanoseconds;
    w->desc.no_xattrs = 1;
    w->desc.mtime_max.set = max != 0;
    w->desc.mtime_max.seconds = max;
    w->desc.mtime_max.nanoseconds = max_nanoseconds;
    walk_run(w);
}

static void test_tree_nanoseconds(void)
{
    walk w;

    make_dir("a", 0755);
    make_file("b", "", 0, 0644);
    make_link("x", "c");
    make_file("d", "", 0, 0644);
    if (keeps_time("a", 1000, 999999999) && keeps_time("b", 1000, 500000000) &&
        keeps_time("c", 1000, 1) && keeps_time("d", 1000, 0)) {
        walk_clamp(&w, 1, 0, 0);
        mtime_is(&w, 1000, "1000.999999999");
        mtime_is(&w, 1000, "1000.5");
        mtime_is(&w, 1000, "1000.000000001");
        mtime_is(&w, 1000, NULL);
        walk_stop(&w);
        walk_clamp(&w, 0, 0, 0);
        mtime_is(&w, 1000, NULL); /* seconds, and none is rounded up */
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        walk_stop(&w);
        walk_clamp(&w, 1, 1000, 0); /* all of them to the second */
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        walk_stop(&w);
        walk_clamp(&w, 1, 1000, 500000000);
        mtime_is(&w, 1000, "1000.5");
        mtime_is(&w, 1000, "1000.5");
        mtime_is(&w, 1000, "1000.000000001");
        mtime_is(&w, 1000, NULL);
        walk_stop(&w);
        walk_clamp(&w, 1, 999, 70);
        mtime_is(&w, 999, "999.00000007");
        mtime_is(&w, 999, "999.00000007");
        mtime_is(&w, 999, "999.00000007");
        mtime_is(&w, 999, "999.00000007");
        walk_stop(&w);
        walk_clamp(&w, 0, 999, 70); /* its fraction is not for seconds */
        mtime_is(&w, 999, NULL);
        mtime_is(&w, 999, NULL);
        mtime_is(&w, 999, NULL);
        mtime_is(&w, 999, NULL);
        walk_stop(&w);
        walk_clamp(&w, 0, 1000, 70);
        mtime_is(&w, 1000, NULL);
        mtime_is(&w, 1000, NULL);
        walk_stop(&w);
        walk_clamp(&w, 1, 1001, 0);
        mtime_is(&w, 1000, "1000.999999999");
        walk_stop(&w);
    }
    if (keeps_time("a", -2, 500000000)) { /* before 1970 */
        walk_clamp(&w, 1, 0, 0);
        mtime_is(&w, -1, "-1.5");
        walk_stop(&w);
    }
    clean();
}

static void test_tree_with_root(void)
{
    char path[64];
    story s;
    walk w;
    item it;

    make_dir("r", 02775);
    make_file("r/f", content, 1, 0666);
    set_mtime("r", 1000, 0);
    snprintf(path, sizeof path, "%s/r", base);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.path = path;
    w.desc.with_root = 1;
    walk_tell(&w, &s);
    walk_run(&w);
    CHECK(walk_next(&w, &it) && strcmp(it.name, "./") == 0);
    CHECK(it.type == '5' && it.mode == 02775 && it.size == 0);
    CHECK(it.uid == (unsigned long)geteuid() && it.mtime == 1000);
    next_is(&w, "f", '0', 0666, "", 1);
    CHECK(!walk_next(&w, &it));
    CHECK(strcmp(s.text, "+f;") == 0);
    walk_stop(&w);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    w.desc.path = path;
    w.desc.with_root = 1;
    w.desc.own = 1;
    w.desc.uid = 12;
    w.desc.gid = 34;
    w.desc.mode_mask = 02022;
    w.desc.mtime_max.set = 1;
    w.desc.mtime_max.seconds = 999;
    walk_run(&w);
    CHECK(walk_next(&w, &it) && strcmp(it.name, "./") == 0);
    CHECK(it.type == '5' && it.mode == 0755 && it.mtime == 999);
    CHECK(it.uid == 12 && it.gid == 34);
    CHECK(walk_next(&w, &it) && strcmp(it.name, "f") == 0);
    CHECK(it.mode == 0644 && it.uid == 12 && it.gid == 34);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* No pattern leaves it out, and in a set of paths it is one of them. */
static void test_tree_with_root_alone(void)
{
    static const char *const all[] = { "**", ".", "./", "" };
    ocitar_layer_desc d = OCITAR_ZERO;
    ocitar_key keys[2];
    walk w;
    item it;

    must(chmod(base, 0700) == 0, base);
    make_file("f", content, 1, 0644);
    walk_start(&w, OCITAR_WAIT_SPOOL);
    CHECK_CODE(ocitar_layer_abandon(&w.layer), OCITAR_OK);
    d.wait.spool = &w.spool;
    d.wait.way = OCITAR_WAIT_SPOOL;
    d.paths = keys;
    d.path_count = 2;
    CHECK_CODE(ocitar_layer_begin(&w.layer, &w.image, &d), OCITAR_OK);
    w.desc.with_root = 1;
    w.desc.exclude = all;
    w.desc.exclude_count = 4;
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_OK);
    w.desc.exclude_count = 0;
    w.desc.with_root = 0;
    walk_run(&w);
    CHECK(walk_next(&w, &it) && strcmp(it.name, "./") == 0);
    CHECK(it.mode == 0700);
    next_is(&w, "f", '0', 0644, "", 1);
    CHECK(!walk_next(&w, &it));
    walk_stop(&w);
    clean();
}

/* ---- extended attributes ---- */

static int is_root(void)
{
    return geteuid() == 0;
}

/* Sets one of a file or link; 0 and a line if that cannot be had here. */
static int set_xattr(const char *name, const char *key, const void *value,
                     size_t len)
{
    if (lsetxattr(at(name), key, value, len, 0) == 0)
        return 1;
    printf("skipped: %s of %lu bytes on %s: %s\n", key, (unsigned long)len,
           name, strerror(errno));
    return 0;
}

/* The record as it must stand in the archive, behind `at` bytes of it. */
static size_t record_write(unsigned char *out, const char *key,
                           const void *value, size_t len)
{
    size_t rest = strlen(key) + len + 3, total = rest + 1;
    char number[24];
    int n;

    while ((size_t)(n = snprintf(number, sizeof number, "%lu",
                                 (unsigned long)total)) + rest != total)
        total = rest + (size_t)n;
    out += sprintf((char *)out, "%s %s=", number, key);
    memcpy(out, value, len);
    out[len] = '\n';
    return total;
}

/* What an entry must have: keys in their order, values of any bytes. */
typedef struct xattr {
    const char *name;
    const char *value;
    size_t len;
} xattr;

static void xattrs_are(const item *it, const xattr *want, size_t count)
{
    static unsigned char room[1 << 17];
    char key[300];
    size_t n = 0, i;

    for (i = 0; i < count; i++) {
        snprintf(key, sizeof key, "SCHILY.xattr.%s", want[i].name);
        n += record_write(room + n, key, want[i].value, want[i].len);
    }
    CHECK(it->records_size == n);
    CHECK(n == 0 || (it->records_size == n &&
                     memcmp(it->records, room, n) == 0));
    CHECK(n % 512 == 0 || it->records == NULL ||
          (it->records[n] == 0 && it->records[n / 512 * 512 + 511] == 0));
}

static void next_has(walk *w, const char *name, char type, const xattr *want,
                     size_t count)
{
    item it;

    CHECK(walk_next(w, &it));
    CHECK(strcmp(it.name, name) == 0 && it.type == type);
    xattrs_are(&it, want, count);
}

static int xattrs_here(void)
{
    int ok;

    make_file("probe", "", 0, 0644);
    ok = set_xattr("probe", "user.probe", "1", 1);
    must(unlink(at("probe")) == 0, "probe");
    return ok;
}

static const xattr awkward[] = {
    { "user.-", "v", 1 },
    { "user.Z", "=", 1 },
    { "user.a", "1\n2\n", 4 },
    { "user.a.b", "12 user.x=y\n", 12 },
    { "user.ab", "\0", 1 },
    { "user.bin", "a\0b=c\nd\0", 8 },
    { "user.empty", "", 0 },
    { "user.overlayed", "kept", 4 },
    { "user.overlay", "kept", 4 },
    { "user.z\xC3\xA9", "\xFF\x00\x80", 3 }
};

enum { AWKWARD = sizeof awkward / sizeof awkward[0] };

/* Sets them in an order that is not theirs. */
static void set_awkward(const char *name)
{
    size_t i;

    for (i = 0; i < AWKWARD; i++)
        must(set_xattr(name, awkward[i * 7 % AWKWARD].name,
                       awkward[i * 7 % AWKWARD].value,
                       awkward[i * 7 % AWKWARD].len), name);
}

/* In the order of their keys, as bytes. */
static const xattr *sorted_awkward(void)
{
    static xattr v[AWKWARD];
    xattr held;
    size_t i, j;

    memcpy(v, awkward, sizeof v);
    for (i = 1; i < AWKWARD; i++)
        for (j = i; j > 0 && strcmp(v[j - 1].name, v[j].name) > 0; j--) {
            held = v[j];
            v[j] = v[j - 1];
            v[j - 1] = held;
        }
    return v;
}

static void test_tree_xattrs(void)
{
    static const xattr one[] = { { "user.one", "1", 1 } };
    static const xattr root[] = { { "user.root", "/", 1 } };
    const xattr *all = sorted_awkward();
    char path[64];
    walk w;
    item it;
    uint8_t way;

    if (!xattrs_here())
        return;
    make_dir("r", 0755);
    make_dir("r/d", 0755);
    make_file("r/d/f", content, 700, 0644);
    make_file("r/e", "", 0, 0444);
    make_file("r/none", content, 5, 0644);
    must(link(at("r/d/f"), at("r/d/g")) == 0 &&
         link(at("r/d/f"), at("r/z")) == 0, "link");
    make_link("none", "r/s");
    set_awkward("r/d");
    set_awkward("r/d/f");
    must(set_xattr("r", "user.root", "/", 1), "r");
    must(chmod(at("r/e"), 0644) == 0 &&
         set_xattr("r/e", "user.one", "1", 1) &&
         chmod(at("r/e"), 0444) == 0, "r/e");
    snprintf(path, sizeof path, "%s/r", base);
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        walk_start(&w, way);
        w.desc.path = path;
        w.desc.with_root = 1;
        walk_run(&w);
        next_has(&w, "./", '5', root, 1);
        next_has(&w, "d/", '5', all, AWKWARD);
        next_has(&w, "d/f", '0', all, AWKWARD);
        next_has(&w, "d/g", '1', NULL, 0); /* the second name: none */
        next_has(&w, "e", '0', one, 1);
        next_has(&w, "none", '0', NULL, 0);
        next_has(&w, "s", '2', NULL, 0);
        next_has(&w, "z", '1', NULL, 0);
        CHECK(!walk_next(&w, &it));
        walk_stop(&w);
        walk_start(&w, way);
        w.desc.path = path;
        w.desc.with_root = 1;
        w.desc.no_xattrs = 1;
        walk_run(&w);
        while (walk_next(&w, &it))
            CHECK(it.records == NULL);
        walk_stop(&w);
    }
    clean();
}

/* Bodies behind the records, and other records among them. */
static void test_tree_xattrs_and_more(void)
{
    static const char name[] = "r/\xC3\xA9";
    const char *p;
    record r;
    walk w;
    item it;

    if (!xattrs_here())
        return;
    make_dir("r", 0755);
    make_file(name, content, 1000, 0644);
    must(set_xattr(name, "user.x", "v\nw", 3), name);
    if (keeps_time(name, 1000, 250000000)) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.nanoseconds = 1;
        w.desc.path = at("r");
        walk_run(&w);
        CHECK(walk_next(&w, &it) && strcmp(it.name, "\xC3\xA9") == 0);
        CHECK(it.size == 1000 && memcmp(it.body, content, 1000) == 0);
        p = (const char *)it.records;
        CHECK(record_next(&p, p + it.records_size, &r) == 1);
        CHECK(record_is(&r, "SCHILY.xattr.user.x") && r.value_len == 3 &&
              memcmp(r.value, "v\nw", 3) == 0);
        CHECK(record_next(&p, p + it.records_size, &r) == 1);
        CHECK(record_is(&r, "mtime") && memcmp(r.value, "1000.25", 7) == 0);
        CHECK(record_next(&p, p + it.records_size, &r) == 1);
        CHECK(record_is(&r, "path"));
        CHECK(p == (const char *)it.records + it.records_size);
        walk_stop(&w);
    }
    clean();
}

/* The whole head is what the encoder makes of the same entry, and of that the
   vectors say that it is what Go's archive/tar writes. */
static void test_tree_xattrs_as_encoded(void)
{
    static const ocitar_pair pax[] = {
        { "SCHILY.xattr.user.b", "\0\n=", 0, 3 },
        { "SCHILY.xattr.user.a", "", 0, 0 }
    };
    ocitar_entry e = OCITAR_ZERO;
    ocitar_encoder enc;
    uint8_t block[512];
    size_t from;
    walk w;

    if (!xattrs_here())
        return;
    make_file("f", content, 600, 0604);
    set_mtime("f", 1234567890, 0);
    must(set_xattr("f", "user.b", "\0\n=", 3) &&
         set_xattr("f", "user.a", "", 0), "f");
    walk_start(&w, OCITAR_WAIT_SPOOL);
    walk_run(&w);
    e.name = "f";
    e.mode = 0604;
    e.size = 600;
    e.uid = (int64_t)geteuid();
    e.gid = (int64_t)getegid();
    e.mtime.set = 1;
    e.mtime.seconds = 1234567890;
    e.pax = pax;
    e.pax_count = 2;
    CHECK_CODE(ocitar_encoder_begin(&enc, &e), OCITAR_OK);
    for (from = w.at; ocitar_encoder_next(&enc, block); from += 512)
        CHECK(memcmp(w.out.data + from, block, 512) == 0);
    CHECK(from == w.at + 1536);
    CHECK(memcmp(w.out.data + from, content, 600) == 0);
    walk_stop(&w);
    clean();
}

/* How many records of the entry say what `want` says. */
static size_t records_shared(const unsigned char *body, size_t size,
                             const xattr *want, size_t count, size_t *xattrs)
{
    const char *p = (const char *)body, *end = p + size;
    size_t found = 0, i;
    char key[300];
    record r;

    *xattrs = 0;
    while (record_next(&p, end, &r) > 0) {
        if (r.key_len < 13 || memcmp(r.key, "SCHILY.xattr.", 13) != 0)
            continue;
        ++*xattrs;
        for (i = 0; i < count; i++) {
            snprintf(key, sizeof key, "SCHILY.xattr.%s", want[i].name);
            found += record_is(&r, key) && r.value_len == want[i].len &&
                     memcmp(r.value, want[i].value, r.value_len) == 0;
        }
    }
    return found;
}

/* GNU tar, if it is here, writes the same set of records. */
static void test_tree_xattrs_as_gnu_tar(void)
{
    static unsigned char tar[1 << 16];
    char command[512];
    size_t n = 0, count;
    FILE *out;

    if (!xattrs_here())
        return;
    make_file("f", "", 0, 0644);
    set_awkward("f");
    snprintf(command, sizeof command,
             "tar --version 2>/dev/null | grep -q 'GNU tar' && "
             "tar --xattrs --xattrs-include='user.*' --format=posix "
             "-b 2 -C %s -cf - f 2>/dev/null", base);
    out = popen(command, "r");
    if (out != NULL) {
        n = fread(tar, 1, sizeof tar, out);
        if (pclose(out) != 0)
            n = 0;
    }
    if (n >= 1024 && tar[156] == 'x') {
        CHECK(records_shared(tar + 512, (size_t)octal(tar + 124, 12), awkward,
                             AWKWARD, &count) == AWKWARD);
        CHECK(count == AWKWARD);
    } else {
        printf("skipped: no GNU tar with --xattrs to compare with\n");
    }
    clean();
}

/* What only root may set, and where: links, fifos, devices. */
static void test_tree_xattrs_of_root(void)
{
    static const xattr mark[] = { { "trusted.m", "a\0b", 3 } };
    static const char *const names[] = { "c", "d", "f", "p", "s" };
    static const char types[] = "35062";
    walk w;
    item it;
    size_t i;

    if (!is_root()) {
        printf("skipped: trusted.*, which needs root\n");
        return;
    }
    make_dir("r", 0755);
    make_dir("r/d", 0755);
    make_file("r/f", content, 2, 0644);
    must(mkfifo(at("r/p"), 0600) == 0, "fifo");
    make_link("gone", "r/s");
    if (mknod(at("r/c"), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
        set_xattr("r/c", "trusted.m", "a\0b", 3) &&
        set_xattr("r/d", "trusted.m", "a\0b", 3) &&
        set_xattr("r/f", "trusted.m", "a\0b", 3) &&
        set_xattr("r/p", "trusted.m", "a\0b", 3) &&
        set_xattr("r/s", "trusted.m", "a\0b", 3)) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.path = at("r");
        walk_run(&w);
        for (i = 0; i < 5; i++) {
            CHECK(walk_next(&w, &it) && it.name[0] == names[i][0]);
            CHECK(it.type == types[i]);
            xattrs_are(&it, mark, 1);
        }
        CHECK(!walk_next(&w, &it));
        walk_stop(&w);
    }
    clean();
}

/* A capability of version 2: cap_net_bind_service, effective. */
static const char capability[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/* An ACL of version 2: user::rw-, user:0:r--, group::r--, mask::r--,
   other::r--. */
static const char acl[] = "\2\0\0\0"
                          "\1\0\6\0\377\377\377\377"
                          "\2\0\4\0\0\0\0\0"
                          "\4\0\4\0\377\377\377\377"
                          "\20\0\4\0\377\377\377\377"
                          "\40\0\4\0\377\377\377\377";

static void test_tree_xattrs_kept(void)
{
    static const xattr kept[] = { { "security.capability", capability, 20 },
                                  { "user.x", "x", 1 } };
    static const xattr rights[] = { { "system.posix_acl_access", acl, 44 } };
    walk w;

    if (!xattrs_here())
        return;
    make_dir("r", 0755);
    make_file("r/f", content, 9, 0755);
    make_file("r/g", content, 9, 0644);
    must(set_xattr("r/f", "user.x", "x", 1), "r/f");
    if (is_root() && set_xattr("r/f", "security.capability", capability, 20)) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.path = at("r");
        walk_run(&w);
        next_has(&w, "f", '0', kept, 2);
        walk_stop(&w);
    }
    if (set_xattr("r/g", "system.posix_acl_access", acl, 44)) {
        must(unlink(at("r/f")) == 0, "r/f");
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.path = at("r");
        walk_run(&w);
        next_has(&w, "g", '0', rights, 1);
        walk_stop(&w);
    }
    clean();
}

/* Labels and overlay's marks are this machine's. */
static void test_tree_xattrs_left(void)
{
    static const char *const names[] = {
        "user.overlay.opaque", "user.overlay.", "trusted.overlay.opaque",
        "trusted.overlay.metacopy", "security.selinux", "security.SMACK64",
        "security.ima", "security.other"
    };
    static const xattr kept[] = { { "user.x", "x", 1 } };
    walk w;
    size_t i, set = 0;

    if (!xattrs_here())
        return;
    make_dir("r", 0755);
    make_dir("r/d", 0755);
    make_file("r/f", content, 9, 0644);
    must(set_xattr("r/f", "user.x", "x", 1) &&
         set_xattr("r/d", "user.x", "x", 1), "user.x");
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_root() || strncmp(names[i], "user.", 5) == 0)
            set += (size_t)(set_xattr("r/f", names[i], "y", 1) &&
                            set_xattr("r/d", names[i], "y", 1));
    if (set > 0) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.path = at("r");
        walk_run(&w);
        next_has(&w, "d/", '5', kept, 1);
        next_has(&w, "f", '0', kept, 1);
        walk_stop(&w);
    }
    clean();
}

/* A key that holds a '=' has no record that a reader would take apart right;
   the walk stops and names the file. */
static void test_tree_xattrs_no_key(void)
{
    story s;
    walk w;

    if (!xattrs_here())
        return;
    make_file("a", content, 1, 0644);
    make_file("b", content, 1, 0644);
    must(set_xattr("b", "user.k=v", "x", 1), "b");
    walk_start(&w, OCITAR_WAIT_PATCH);
    walk_tell(&w, &s);
    CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_ARG);
    CHECK(strcmp(s.text, "+a;+b;!b;") == 0 && s.system_error == 0);
    walk_spoilt(&w, OCITAR_E_ARG, 0);
    clean();
}

/* Large values: in the temporary directory, or where memory is a file system
   that takes them; `many` of 60 KiB each. */
static int large_xattrs(char *path, size_t size, int many)
{
    static const char *const places[] = { "/tmp", "/dev/shm", "/var/tmp" };
    static unsigned char value[61440];
    char name[32];
    size_t i, j;
    int n, fd, ok;

    for (i = 0; i < sizeof value; i++)
        value[i] = (unsigned char)(i * 7 + i / 251);
    for (i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, size, "%s/ocitar-large." "XX" "XX" "XX", places[i]);
        if (mkdtemp(path) == NULL)
            continue;
        j = strlen(path);
        snprintf(path + j, size - j, "/f");
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
        must(fd >= 0 && close(fd) == 0, path);
        for (n = 0, ok = 1; ok && n < many; n++) {
            snprintf(name, sizeof name, "user.%d", n);
            ok = setxattr(path, name, value, sizeof value, 0) == 0;
        }
        if (!ok)
            must(unlink(path) == 0, path);
        path[j] = 0;
        if (ok)
            return 1;
        must(rmdir(path) == 0, path);
    }
    printf("skipped: %d attributes of 60 KiB, which no file system takes\n",
           many);
    return 0;
}

static void large_remove(const char *path)
{
    char name[128];

    snprintf(name, sizeof name, "%s/f", path);
    must(unlink(name) == 0 && rmdir(path) == 0, path);
}

static void test_tree_xattrs_large(void)
{
    char path[64];
    const char *p;
    record r;
    story s;
    size_t i;
    walk w;
    item it;

    if (large_xattrs(path, sizeof path, 2)) {
        walk_start(&w, OCITAR_WAIT_SPOOL);
        w.desc.path = path;
        walk_run(&w);
        CHECK(walk_next(&w, &it) && it.records_size > 2 * 61440);
        p = (const char *)it.records;
        CHECK(record_next(&p, p + it.records_size, &r) == 1);
        CHECK(record_is(&r, "SCHILY.xattr.user.0"));
        CHECK(record_next(&p, p + it.records_size, &r) == 1);
        CHECK(record_is(&r, "SCHILY.xattr.user.1") && r.value_len == 61440);
        for (i = 0; i < 61440; i++)
            if ((unsigned char)r.value[i] != (unsigned char)(i * 7 + i / 251))
                break;
        CHECK(i == 61440);
        walk_stop(&w);
        large_remove(path);
    }
    if (large_xattrs(path, sizeof path, 18)) { /* more than 1 MiB */
        walk_start(&w, OCITAR_WAIT_PATCH);
        w.desc.path = path;
        walk_tell(&w, &s);
        CHECK_CODE(ocitar_layer_tree(&w.layer, &w.desc), OCITAR_E_LIMIT);
        CHECK(strcmp(s.text, "+f;!f;") == 0 && s.system_error == 0);
        walk_spoilt(&w, OCITAR_E_LIMIT, 0);
        large_remove(path);
    }
}

/* Each call to the allocator fails once: with attributes whose vectors grow,
   with patterns and the directory itself. */
static void test_tree_xattrs_without_memory(void)
{
    static const char *const patterns[] = { "x*", "a/q" };
    ocitar_allocator allocator = { purse_resize, NULL };
    char name[32];
    purse p;
    walk w;
    size_t n, i;
    int e = OCITAR_E_MEMORY, with;

    make_tree();
    make_file("a/q", content, 9, 0644);
    with = xattrs_here();
    for (i = 0; with && i < 24; i++) {
        snprintf(name, sizeof name, "user.attribute-no-%02lu",
                 (unsigned long)i);
        must(set_xattr("a-", name, content, 1 + 5 * i), "a-");
        must(i > 12 || set_xattr("a", name, content, 90), "a");
    }
    for (n = 1; e != OCITAR_OK && n < 1000; n++) {
        memset(&p, 0, sizeof p);
        p.fail_at = n;
        allocator.user = &p;
        walk_start(&w, n % 2 ? OCITAR_WAIT_SPOOL : OCITAR_WAIT_PATCH);
        w.desc.allocator = &allocator;
        w.desc.with_root = 1;
        w.desc.exclude = patterns;
        w.desc.exclude_count = 2;
        e = ocitar_layer_tree(&w.layer, &w.desc);
        CHECK(p.live == 0 && p.wrong == 0);
        CHECK(e == OCITAR_E_MEMORY || p.calls < n);
        if (e != OCITAR_OK)
            walk_spoilt(&w, OCITAR_E_MEMORY, 0);
    }
    CHECK(e == OCITAR_OK && n > (with ? 10u : 6u));
    CHECK_CODE(ocitar_layer_end(&w.layer), OCITAR_OK);
    walk_stop(&w);
    clean();
}

static void test_xattrs(void)
{
    test_tree_xattrs();
    test_tree_xattrs_and_more();
    test_tree_xattrs_as_encoded();
    test_tree_xattrs_as_gnu_tar();
    test_tree_xattrs_of_root();
    test_tree_xattrs_kept();
    test_tree_xattrs_left();
    test_tree_xattrs_no_key();
    test_tree_xattrs_large();
    test_tree_xattrs_without_memory();
}

static void test_descriptors(void)
{
    test_fd_sink_file();
    test_fd_sink_append();
    test_fd_sink_pipe();
    test_fd_sink_fails();
    test_fd_source();
    test_fd_source_fails();
    test_heap();
    test_temp();
    test_temp_fails();
}

static void test_outputs(void)
{
    test_output_new();
    test_output_replaces();
    test_output_through_a_link();
    test_output_abandon();
    test_output_fails();
    test_output_of_a_long_name();
    test_output_twice();
    test_output_loses_its_directory();
    test_output_to_a_device();
    test_output_to_a_dangling_link();
    test_hosted_zeroed();
    test_output_to_a_fifo();
    test_output_to_stdout();
}

static void test_directories(void)
{
    test_directory();
    test_directory_again();
    test_directory_of_a_torn_blob();
    test_directory_refuses();
    test_directory_begin_fails();
    test_directory_end_early();
}

static void test_trees(void)
{
    test_tree_empty();
    test_tree();
    test_tree_after_entries();
    test_tree_of_many();
    test_tree_of_many_links();
    test_tree_of_devices();
    test_tree_long_names();
    test_tree_deep();
    test_tree_long_link();
    test_tree_times_and_owners();
    test_tree_notify();
    test_tree_notify_stops();
    test_tree_missing();
    test_tree_unreadable();
    test_tree_changes();
    test_tree_file_changes_size();
    test_tree_file_changes_late();
    test_tree_without_memory();
    test_tree_arguments();
    test_tree_spool_full();
    test_tree_exclude();
    test_tree_exclude_unseen();
    test_tree_exclude_slow();
    test_tree_mode_mask();
    test_tree_nanoseconds();
    test_tree_with_root();
    test_tree_with_root_alone();
}

int main(void)
{
    int descriptors;

    must(mkdtemp(base) != NULL, base);
    umask(022);
    content_fill();
    descriptors = count_descriptors();
    test_descriptors();
    CHECK(count_descriptors() == descriptors);
    test_outputs();
    CHECK(count_descriptors() == descriptors);
    test_directories();
    CHECK(count_descriptors() == descriptors);
    test_trees();
    CHECK(count_descriptors() == descriptors);
    test_xattrs();
    CHECK(count_descriptors() == descriptors);
    must(rmdir(base) == 0, base);
    return check_done();
}
