/* test_system - the system fails, at every call.

   The hosted section is compiled over stand-ins for the system's functions.
   Each scenario is played once in peace, to count its calls, and then once
   for each of them, with that call failing (EIO), interrupted (EINTR) or done
   in part. A failure is reported or did no harm: no descriptor leaks, no half
   file has the final name, nothing is left beside it. */

#define _GNU_SOURCE 1
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

enum mode { FAIL, INTERRUPT, PART, MODES };

static enum mode how;
static int calls, meet; /* which call is met; 0: none */
static int met;         /* what was met: 1, or 2 for an unlink */
static const char *met_name;

/* Counts a call; is it the one? Only some can be interrupted or cut. */
static int hit(const char *name, int partly)
{
    if (how != FAIL && !partly)
        return 0;
    if (++calls != meet)
        return 0;
    met = strcmp(name, "unlink") == 0 ? 2 : 1;
    met_name = name;
    errno = how == INTERRUPT ? EINTR : EIO;
    return 1;
}

static int s_open(const char *path, int flags, ...)
{
    va_list more;
    int permissions;

    va_start(more, flags);
    permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return hit("open", 0) ? -1 : open(path, flags, permissions);
}

static int s_openat(int fd, const char *path, int flags, ...)
{
    va_list more;
    int permissions;

    va_start(more, flags);
    permissions = flags & O_CREAT ? va_arg(more, int) : 0;
    va_end(more);
    return hit("openat", 0) ? -1 : openat(fd, path, flags, permissions);
}

static int s_fcntl(int fd, int command, ...)
{
    va_list more;
    int value;

    va_start(more, command);
    value = command == F_GETFL ? 0 : va_arg(more, int);
    va_end(more);
    return hit("fcntl", 0) ? -1 : fcntl(fd, command, value);
}

static int s_close(int fd)
{
    int failed = hit("close", 0), code = errno;

    if (close(fd) != 0)
        return -1;
    errno = code;
    return failed ? -1 : 0; /* as on Linux, it is closed all the same */
}

static ssize_t s_read(int fd, void *out, size_t len)
{
    if (!hit("read", 1))
        return read(fd, out, len);
    return how == PART && len > 1 ? read(fd, out, len / 2)
           : how == PART          ? read(fd, out, len)
                                   : -1;
}

static ssize_t s_write(int fd, const void *data, size_t len)
{
    if (!hit("write", 1))
        return write(fd, data, len);
    return how == PART && len > 1 ? write(fd, data, len / 2)
           : how == PART          ? write(fd, data, len)
                                   : -1;
}

static ssize_t s_pread(int fd, void *out, size_t len, off_t offset)
{
    if (!hit("pread", 1))
        return pread(fd, out, len, offset);
    return how == PART && len > 1 ? pread(fd, out, len / 2, offset)
           : how == PART          ? pread(fd, out, len, offset)
                                   : -1;
}

static ssize_t s_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    if (!hit("pwrite", 1))
        return pwrite(fd, data, len, offset);
    return how == PART && len > 1 ? pwrite(fd, data, len / 2, offset)
           : how == PART          ? pwrite(fd, data, len, offset)
                                   : -1;
}

static int s_fstat(int fd, struct stat *st)
{
    return hit("fstat", 0) ? -1 : fstat(fd, st);
}

static int s_stat(const char *path, struct stat *st)
{
    return hit("stat", 0) ? -1 : stat(path, st);
}

static int s_fstatat(int fd, const char *path, struct stat *st, int flags)
{
    return hit("fstatat", 0) ? -1 : fstatat(fd, path, st, flags);
}

static ssize_t s_readlinkat(int fd, const char *path, char *out, size_t size)
{
    return hit("readlinkat", 0) ? -1 : readlinkat(fd, path, out, size);
}

static int s_ftruncate(int fd, off_t size)
{
    return hit("ftruncate", 0) ? -1 : ftruncate(fd, size);
}

static off_t s_lseek(int fd, off_t offset, int whence)
{
    return hit("lseek", 0) ? -1 : lseek(fd, offset, whence);
}

static int s_fsync(int fd)
{
    return hit("fsync", 0) ? -1 : fsync(fd);
}

static int s_fchmod(int fd, mode_t permissions)
{
    return hit("fchmod", 0) ? -1 : fchmod(fd, permissions);
}

static int s_renameat(int a, const char *from, int b, const char *to)
{
    return hit("rename", 0) ? -1 : renameat(a, from, b, to);
}

static int s_mkdirat(int fd, const char *path, mode_t permissions)
{
    return hit("mkdirat", 0) ? -1 : mkdirat(fd, path, permissions);
}

static int s_unlinkat(int fd, const char *path, int flags)
{
    return hit("unlink", 0) ? -1 : unlinkat(fd, path, flags);
}

static struct dirent *s_readdir(DIR *directory)
{
    return hit("readdir", 0) ? NULL : readdir(directory);
}

static DIR *s_fdopendir(int fd)
{
    return hit("fdopendir", 0) ? NULL : fdopendir(fd);
}

#define open(...) s_open(__VA_ARGS__)
#define openat(...) s_openat(__VA_ARGS__)
#define fcntl(...) s_fcntl(__VA_ARGS__)
#define close(a) s_close(a)
#define read(a, b, c) s_read(a, b, c)
#define write(a, b, c) s_write(a, b, c)
#define pread(a, b, c, d) s_pread(a, b, c, d)
#define pwrite(a, b, c, d) s_pwrite(a, b, c, d)
#define fstat(a, b) s_fstat(a, b)
#define stat(a, b) s_stat(a, b)
#define fstatat(a, b, c, d) s_fstatat(a, b, c, d)
#define readlinkat(a, b, c, d) s_readlinkat(a, b, c, d)
#define ftruncate(a, b) s_ftruncate(a, b)
#define lseek(a, b, c) s_lseek(a, b, c)
#define fsync(a) s_fsync(a)
#define fchmod(a, b) s_fchmod(a, b)
#define renameat(a, b, c, d) s_renameat(a, b, c, d)
#define mkdirat(a, b, c) s_mkdirat(a, b, c)
#define unlinkat(a, b, c) s_unlinkat(a, b, c)
#define readdir(a) s_readdir(a)
#define fdopendir(a) s_fdopendir(a)

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"

#undef open
#undef openat
#undef fcntl
#undef close
#undef read
#undef write
#undef pread
#undef pwrite
#undef fstat
#undef stat
#undef fstatat
#undef readlinkat
#undef ftruncate
#undef lseek
#undef fsync
#undef fchmod
#undef renameat
#undef mkdirat
#undef unlinkat
#undef readdir
#undef fdopendir

#include "check.h"

static char base[] = "/tmp/ocitar-system." "XX" "XX" "XX";

static const char *at_path(const char *name)
{
    static char paths[4][4096];
    static int turn;
    char *out = paths[turn++ & 3];

    snprintf(out, sizeof paths[0], "%s/%s", base, name);
    return out;
}

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(2);
    }
}

static void put_file(const char *name, size_t len)
{
    FILE *f = fopen(at_path(name), "wb");
    size_t i;

    must(f != NULL, name);
    for (i = 0; i < len; i++)
        fputc((int)(i * 131 + 7) & 255, f);
    must(fclose(f) == 0, name);
}

static void make_tree(void)
{
    must(mkdtemp(base) != NULL, base);
    must(mkdir(at_path("root"), 0755) == 0, "root");
    must(mkdir(at_path("root/d"), 0755) == 0, "d");
    put_file("root/a", 3000);
    put_file("root/d/b", 10);
    must(link(at_path("root/a"), at_path("root/d/hard")) == 0, "hard");
    must(symlink("../a", at_path("root/d/soft")) == 0, "soft");
}

static int open_descriptors(void)
{
    int fd, n = 0;

    for (fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* -- the scenarios: each returns the first error -- */

typedef struct objects {
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_store store;
    ocitar_temp temp;
    ocitar_allocator heap;
    ocitar_directory directory;
    ocitar_output output;
    ocitar_descriptor pool[2];
    ocitar_error error;
    unsigned char buffer[4096], bytes[512];
} objects;

static objects o;

/* The image itself: one layer, the tree. */
static int write_image(const ocitar_layer_desc *layer_desc)
{
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc image_desc = OCITAR_ZERO;
    ocitar_tree_desc tree = OCITAR_ZERO;
    int e;

    index_desc.descriptors = o.pool;
    index_desc.capacity = 2;
    image_desc.reference = "x:1";
    tree.path = at_path("root");
    tree.allocator = &o.heap;
    tree.buffer = o.bytes;
    tree.buffer_size = sizeof o.bytes;
    tree.mtime_max.set = 1;
    e = ocitar_index_begin(&o.index, &o.layout, &index_desc);
    if (e == OCITAR_OK)
        e = ocitar_image_begin(&o.image, &o.index, &image_desc);
    if (e == OCITAR_OK)
        e = ocitar_layer_begin(&o.layer, &o.image, layer_desc);
    if (e == OCITAR_OK)
        e = ocitar_layer_tree(&o.layer, &tree);
    if (e == OCITAR_OK)
        e = ocitar_layer_end(&o.layer);
    if (e == OCITAR_OK)
        e = ocitar_image_end(&o.image);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&o.index);
    o.error = ocitar_i_node_root(&o.layout.node)->error;
    if (e != OCITAR_OK)
        ocitar_index_abandon(&o.index); /* closes what is open */
    return e;
}

static int to_archive(ocitar_fd *fd, const ocitar_layer_desc *layer_desc)
{
    ocitar_archive_desc desc = OCITAR_ZERO;
    int e;

    ocitar_fd_sink(fd, &desc.sink);
    desc.buffer = o.buffer;
    desc.buffer_size = sizeof o.buffer;
    e = ocitar_archive_begin(&o.archive, &desc);
    if (e == OCITAR_OK)
        e = ocitar_layout_begin(&o.layout, &o.archive, NULL);
    if (e == OCITAR_OK)
        e = write_image(layer_desc);
    if (e == OCITAR_OK) {
        e = ocitar_archive_finish(&o.archive);
        o.error = *ocitar_archive_error(&o.archive);
    }
    return e;
}

/* A regular file, patched; it waits in a spool if it cannot be. */
static int to_file(void)
{
    ocitar_layer_desc layer_desc = OCITAR_ZERO;
    ocitar_spool_desc spool = OCITAR_ZERO;
    int code = 0, e;

    o.error.code = 0;
    spool.allocator = &o.heap;
    ocitar_spool_begin(&o.spool, &spool);
    layer_desc.wait.spool = &o.spool;
    e = ocitar_output_open(&o.output, at_path("out"), &code);
    if (e != OCITAR_OK) {
        o.error.user_code = code;
    } else {
        e = to_archive(&o.output.fd, &layer_desc);
        if (e == OCITAR_OK &&
            (e = ocitar_output_commit(&o.output, 1, &code)) != OCITAR_OK)
            o.error.user_code = code;
        ocitar_output_abandon(&o.output);
    }
    ocitar_spool_end(&o.spool);
    return e;
}

/* A descriptor that only appends, with a spool that spills into a file. */
static int to_stream(void)
{
    ocitar_layer_desc layer_desc = OCITAR_ZERO;
    ocitar_spool_desc spool = OCITAR_ZERO;
    ocitar_fd fd;
    int e, out = open(at_path("stream"), O_WRONLY | O_CREAT | O_APPEND |
                                              O_TRUNC, 0644);

    must(out >= 0, "stream");
    o.error.code = 0;
    ocitar_temp_begin(&o.temp, base);
    ocitar_temp_store(&o.temp, &o.store);
    spool.allocator = &o.heap;
    spool.memory_limit = 1024;
    spool.store = &o.store;
    ocitar_spool_begin(&o.spool, &spool);
    layer_desc.wait.spool = &o.spool;
    layer_desc.wait.way = OCITAR_WAIT_SPOOL;
    ocitar_fd_begin(&fd, out);
    e = to_archive(&fd, &layer_desc);
    ocitar_spool_end(&o.spool);
    ocitar_temp_end(&o.temp);
    close(out);
    return e;
}

static int to_directory(void)
{
    ocitar_layout_desc desc = OCITAR_ZERO;
    ocitar_source source;
    unsigned char bytes[16];
    size_t n;
    int code = 0, e;

    o.error.code = 0;
    e = ocitar_directory_begin(&o.directory, at_path("layout"), 1, &code);
    if (e != OCITAR_OK) {
        o.error.user_code = code;
        ocitar_directory_end(&o.directory);
        return e;
    }
    ocitar_directory_layout(&o.directory, &desc);
    e = ocitar_layout_begin(&o.layout, NULL, &desc);
    if (e == OCITAR_OK)
        e = write_image(NULL);
    if (e != OCITAR_OK) {
        ocitar_directory_end(&o.directory);
        return e;
    }
    e = ocitar_layout_reader(&o.layout, "index.json", &source);
    if (e == OCITAR_OK)
        e = ocitar_layout_reader(&o.layout, "oci-layout", &source);
    if (e == OCITAR_OK && source.get_fn(source.user, bytes, 16, &n) != 0)
        e = OCITAR_E_SOURCE; /* its code is the caller's to look at */
    if (e == OCITAR_OK)
        e = ocitar_layout_remove(&o.layout, "manifest.json");
    o.error = *ocitar_directory_error(&o.directory);
    if (e == OCITAR_OK) {
        e = ocitar_directory_finish(&o.directory);
        o.error = *ocitar_directory_error(&o.directory);
    }
    ocitar_directory_end(&o.directory);
    return e;
}

/* -- what must hold -- */

static unsigned char want[65536], got[65536];
static size_t want_len;

static size_t load(const char *name, unsigned char *out)
{
    FILE *f = fopen(at_path(name), "rb");
    size_t n = 0;

    if (f != NULL) {
        n = fread(out, 1, sizeof want, f);
        fclose(f);
    }
    return n;
}

static void clean(void)
{
    char command[4200];

    snprintf(command, sizeof command, "rm -rf %s/layout %s/stream", base,
             base);
    must(system(command) == 0, command);
}

/* Names in the directory that begin with a dot: temporary files. */
static int litter(const char *name)
{
    DIR *d = opendir(at_path(name));
    const struct dirent *entry;
    int n = 0;

    if (d == NULL)
        return 0;
    while ((entry = readdir(d)) != NULL)
        n += entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
             strcmp(entry->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void expect(int condition, const char *scenario, const char *what)
{
    static const char *const modes[MODES] = { "fails", "interrupted",
                                              "in part" };

    if (condition) {
        check_passed++;
    } else {
        check_failed++;
        printf("FAIL %s, call %d (%s) %s: %s\n", scenario, meet,
               met_name == NULL ? "none" : met_name, modes[how], what);
    }
}

static void sweep(void)
{
    char command[4200];

    snprintf(command, sizeof command,
             "rm -f %s/.[!.]* %s/layout/.[!.]* %s/layout/blobs/*/.[!.]*",
             base, base, base);
    must(system(command) == 0, command);
}

static void play(const char *name, int (*scenario)(void), const char *file)
{
    int before = open_descriptors(), e, count, last;
    size_t len;

    how = FAIL;
    meet = 0;
    must(scenario() == OCITAR_OK, name);
    want_len = load(file, want);
    expect(want_len > 1000 || strcmp(name, "directory") == 0, name, "bytes");
    for (how = FAIL; how < MODES; how++) {
        meet = calls = 0;
        clean();
        must(scenario() == OCITAR_OK, name);
        count = calls;
        for (last = 1; last <= count; last++) {
            clean();
            put_file("out", 5);
            meet = last;
            calls = met = 0;
            met_name = NULL;
            e = scenario();
            meet = 0;
            len = load(file, got);
            meet = last;
            expect(open_descriptors() == before, name, "descriptors");
            if (how != FAIL)
                expect(e == OCITAR_OK, name, "goes on");
            if (e == OCITAR_OK)
                expect(len == want_len && memcmp(got, want, len) == 0, name,
                       "the same bytes");
            else
                expect(e == OCITAR_E_SOURCE || o.error.user_code == EIO ||
                           e == OCITAR_E_UNSUPPORTED ||
                           (e == OCITAR_E_SYSTEM &&
                            o.error.user_code == ENOENT),
                       name, "the system's own code");
            if (e != OCITAR_OK && scenario == to_file &&
                strcmp(met_name, "fsync") != 0)
                expect(len == 5, name, "the old file stays");
            expect(met == 2 || (litter("") == 0 && litter("layout") == 0 &&
                                litter("layout/blobs/sha256") == 0),
                   name, "nothing is left beside");
            sweep();
        }
    }
    printf("%-12s %d calls\n", name, count);
}

/* The file may not grow beyond any of its bytes, as if the disk were full
   there: the write up to it is short, the next one fails with EFBIG. */
static void full(const char *name, int (*scenario)(void), const char *file,
                 size_t step)
{
    struct rlimit limit, no_limit;
    size_t n, len;
    int e, before = open_descriptors();

    must(getrlimit(RLIMIT_FSIZE, &no_limit) == 0, "getrlimit");
    signal(SIGXFSZ, SIG_IGN);
    how = FAIL;
    meet = 0;
    clean();
    must(scenario() == OCITAR_OK, name);
    want_len = load(file, want);
    clean();
    put_file("out", 5);
    for (n = 0; n < want_len; n += step) {
        limit = no_limit;
        limit.rlim_cur = n;
        must(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
        e = scenario();
        must(setrlimit(RLIMIT_FSIZE, &no_limit) == 0, "setrlimit");
        meet = (int)n;
        met_name = "full at this byte";
        expect((e == OCITAR_E_SINK || e == OCITAR_E_SPOOL) &&
                   o.error.user_code == EFBIG,
               name, "the code");
        len = load(file, got);
        expect(scenario == to_file ? len == 5
                                   : len <= n && memcmp(got, want, len) == 0,
               name, "what is there");
    }
    expect(open_descriptors() == before && litter("") == 0, name,
           "nothing is left");
    printf("%-12s full at %lu bytes\n", name, (unsigned long)want_len);
}

int main(void)
{
    char command[4200];

    (void)check_put;
    ocitar_heap(&o.heap);
    make_tree();
    play("file", to_file, "out");
    play("stream", to_stream, "stream");
    play("directory", to_directory, "layout/index.json");
    full("file", to_file, "out", 13);
    full("stream", to_stream, "stream", 1);
    snprintf(command, sizeof command, "rm -rf %s", base);
    must(system(command) == 0, command);
    return check_done();
}
