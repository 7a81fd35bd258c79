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
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
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

static int untyped; /* as on file systems that do not say what is what */

static struct dirent *s_readdir(DIR *directory)
{
    struct dirent *entry = hit("readdir", 0) ? NULL : readdir(directory);

    if (entry != NULL && untyped)
        entry->d_type = DT_UNKNOWN;
    return entry;
}

static DIR *s_fdopendir(int fd)
{
    return hit("fdopendir", 0) ? NULL : fdopendir(fd);
}

/* -- extended attributes, which are made up: no file system must have any -- */

enum { FAKES = 20 };

typedef struct fake {
    const char *name;
    const char *value;
    size_t len;
} fake;

static fake fakes[FAKES]; /* of every file, directory, link and device */
static size_t fake_count;

/* What the call of this name does at its n-th time (from 1): it fails with
   `code`, or, asked for a size, says `lie` and no more than that. */
static struct plan {
    const char *call;
    int at, code, met;
    ssize_t lie;
} plan;

static int planned(const char *call, size_t size, ssize_t *result)
{
    if (plan.call == NULL || strcmp(plan.call, call) != 0 ||
        --plan.at != 0)
        return 0;
    plan.met++;
    *result = plan.code != 0 || size != 0 ? -1 : plan.lie;
    errno = plan.code;
    return 1;
}

static ssize_t fake_copy(const void *data, size_t len, void *out, size_t size)
{
    if (size != 0 && size < len) {
        errno = ERANGE;
        return -1;
    }
    if (size != 0)
        memcpy(out, data, len);
    return (ssize_t)len;
}

static ssize_t fake_list(const char *call, char *out, size_t size)
{
    static char names[4096];
    size_t i, n = 0;
    ssize_t result;

    if (hit(call, 0))
        return -1;
    if (planned(call, size, &result))
        return result;
    for (i = 0; i < fake_count; i++)
        n += 1 + (size_t)snprintf(names + n, sizeof names - n, "%s",
                                  fakes[i].name);
    return fake_copy(names, n, out, size);
}

static ssize_t fake_value(const char *call, const char *name, void *out,
                          size_t size)
{
    ssize_t result;
    size_t i;

    if (hit(call, 0))
        return -1;
    if (planned(call, size, &result))
        return result;
    for (i = 0; i < fake_count; i++)
        if (strcmp(fakes[i].name, name) == 0)
            return fake_copy(fakes[i].value, fakes[i].len, out, size);
    errno = ENODATA;
    return -1;
}

static ssize_t s_flistxattr(int fd, char *out, size_t size)
{
    return fd < 0 ? -1 : fake_list("flistxattr", out, size);
}

static ssize_t s_llistxattr(const char *path, char *out, size_t size)
{
    struct stat st;

    return lstat(path, &st) != 0 ? -1 : fake_list("llistxattr", out, size);
}

static ssize_t s_fgetxattr(int fd, const char *name, void *out, size_t size)
{
    return fd < 0 ? -1 : fake_value("fgetxattr", name, out, size);
}

static ssize_t s_lgetxattr(const char *path, const char *name, void *out,
                           size_t size)
{
    struct stat st;

    return lstat(path, &st) != 0 ? -1
                                 : fake_value("lgetxattr", name, out, size);
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
#define flistxattr(a, b, c) s_flistxattr(a, b, c)
#define llistxattr(a, b, c) s_llistxattr(a, b, c)
#define fgetxattr(a, b, c, d) s_fgetxattr(a, b, c, d)
#define lgetxattr(a, b, c, d) s_lgetxattr(a, b, c, d)

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
#undef flistxattr
#undef llistxattr
#undef fgetxattr
#undef lgetxattr

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
    tree.with_root = 1;
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
    ocitar_source source = OCITAR_ZERO;
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

static int discard(const char *path, const struct stat *st, int what,
                   struct FTW *place)
{
    (void)st;
    (void)what;
    (void)place;
    return remove(path);
}

static void clean(void)
{
    int e = nftw(at_path("layout"), discard, 8, FTW_DEPTH | FTW_PHYS);

    must(e == 0 || errno == ENOENT, "layout removed");
    must(remove(at_path("stream")) == 0 || errno == ENOENT, "stream removed");
}

/* Names in the directory that begin with a dot: temporary files. They are
   gone after it. */
static int litter(const char *name)
{
    DIR *d = opendir(at_path(name));
    const struct dirent *entry;
    int n = 0;

    if (d == NULL)
        return 0;
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        n++;
        must(unlinkat(dirfd(d), entry->d_name, 0) == 0, entry->d_name);
    }
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

static void play(const char *name, int (*scenario)(void), const char *file)
{
    int before = open_descriptors(), e, count, last, left;
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
            left = litter("") + litter("layout") +
                   litter("layout/blobs/sha256");
            expect(met == 2 || left == 0, name, "nothing is left beside");
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

/* -- attributes that fail, change or come in masses -- */

typedef struct purse {
    size_t live, calls, fail_at, wrong;
} purse;

/* What it gives is full of 0xA5, what it takes back is too. */
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
    if (old != NULL)
        memset(old, 0xA5, old_size);
    free(old);
    p->live += new_size - old_size;
    return memory;
}

static check_sink sink;
static char story[256];

static int tell(void *user, int what, const char *name, int system_error)
{
    size_t n = strlen(story);

    (void)user;
    snprintf(story + n, sizeof story - n, "%c%s",
             what == OCITAR_TREE_ENTRY ? '+' : '!', name);
    n = strlen(story);
    if (what == OCITAR_TREE_FAILED)
        snprintf(story + n, sizeof story - n, ":%d", system_error);
    return 0;
}

static int (*notify)(void *, int, const char *, int) = tell;

/* The tree as the one layer of an archive in memory; all is given back, of
   memory and descriptors, however it ends. */
static int walk_tree(size_t fail_at)
{
    static const char *const patterns[] = { "nothing", "a/nothing" };
    ocitar_allocator allocator = { purse_resize, NULL };
    ocitar_archive_desc archive = OCITAR_ZERO;
    ocitar_index_desc index = OCITAR_ZERO;
    ocitar_layer_desc layer = OCITAR_ZERO;
    ocitar_image_desc image = OCITAR_ZERO;
    ocitar_spool_desc spool = OCITAR_ZERO;
    ocitar_tree_desc tree = OCITAR_ZERO;
    int before = open_descriptors(), e;
    purse p;

    memset(&p, 0, sizeof p);
    p.fail_at = fail_at;
    allocator.user = &p;
    sink.len = 0;
    story[0] = 0;
    archive.sink.put_fn = check_put;
    archive.sink.user = &sink;
    archive.buffer = o.buffer;
    archive.buffer_size = sizeof o.buffer;
    index.descriptors = o.pool;
    index.capacity = 2;
    spool.allocator = &o.heap;
    layer.wait.spool = &o.spool;
    layer.wait.way = OCITAR_WAIT_SPOOL;
    tree.path = at_path("root");
    tree.allocator = &allocator;
    tree.buffer = o.bytes;
    tree.buffer_size = sizeof o.bytes;
    tree.with_root = 1;
    tree.exclude = patterns;
    tree.exclude_count = 2;
    tree.notify_fn = notify;
    CHECK_CODE(ocitar_spool_begin(&o.spool, &spool), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&o.archive, &archive), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&o.layout, &o.archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&o.index, &o.layout, &index), OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&o.image, &o.index, &image), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&o.layer, &o.image, &layer), OCITAR_OK);
    e = ocitar_layer_tree(&o.layer, &tree);
    o.error = *ocitar_archive_error(&o.archive);
    CHECK(o.error.code == e);
    CHECK(p.live == 0 && p.wrong == 0);
    CHECK(open_descriptors() == before);
    CHECK(p.fail_at == 0 || e == OCITAR_E_MEMORY || p.calls < p.fail_at);
    if (e == OCITAR_OK) {
        CHECK_CODE(ocitar_layer_end(&o.layer), OCITAR_OK);
        CHECK_CODE(ocitar_image_end(&o.image), OCITAR_OK);
        CHECK_CODE(ocitar_index_end(&o.index), OCITAR_OK);
    } else {
        CHECK_CODE(ocitar_layer_end(&o.layer), e);
        CHECK_CODE(ocitar_index_abandon(&o.index), OCITAR_OK);
    }
    CHECK_CODE(ocitar_archive_finish(&o.archive), OCITAR_OK);
    ocitar_spool_end(&o.spool);
    return e;
}

/* Replaces what is called `swap_name` by something new of its kind. */
static const char *swap_name;

static int swap(void *user, int what, const char *name, int system_error)
{
    char command[9000];

    (void)user;
    (void)system_error;
    if (what != OCITAR_TREE_ENTRY || strcmp(name, swap_name) != 0)
        return 0;
    snprintf(command, sizeof command,
             "cd '%s/root' && mv %s ../was && cp -a ../was %s", base, name,
             name);
    must(system(command) == 0, command);
    return 0;
}

/* Without types each entry is looked at first: the same bytes, and what was
   looked at must be what is opened. */
static void test_untyped(void)
{
    static unsigned char typed[65536];
    char command[4200];
    size_t len;
    int i;

    CHECK_CODE(walk_tree(0), OCITAR_OK);
    len = sink.len;
    must(len <= sizeof typed, "a larger buffer");
    memcpy(typed, sink.data, len);
    untyped = 1;
    CHECK_CODE(walk_tree(0), OCITAR_OK);
    CHECK(sink.len == len && memcmp(typed, sink.data, len) == 0);
    for (i = 0; i < 2; i++) {
        swap_name = i == 0 ? "a" : "d";
        notify = swap;
        CHECK_CODE(walk_tree(0), OCITAR_E_CHANGED);
        notify = tell;
        snprintf(command, sizeof command,
                 "cd '%s/root' && rm -rf %s && mv ../was %s", base, swap_name,
                 swap_name);
        must(system(command) == 0, command);
    }
    untyped = 0;
}

static void fakes_are(size_t count, const fake *v)
{
    memcpy(fakes, v, count * sizeof *v);
    fake_count = count;
}

/* How often these bytes are in the archive. */
static int written(const char *bytes, size_t len)
{
    const unsigned char *p = sink.data, *end = p + sink.len;
    int n = 0;

    while ((p = (const unsigned char *)memmem(p, (size_t)(end - p), bytes,
                                              len)) != NULL) {
        p += len;
        n++;
    }
    return n;
}

static int record_written(const char *name, const char *value, size_t len)
{
    static char text[70000];
    size_t n = (size_t)snprintf(text, sizeof text, " SCHILY.xattr.%s=", name);

    memcpy(text + n, value, len);
    text[n + len] = '\n';
    return written(text, n + len + 1);
}

static void plan_is(const char *call, int at, int code, ssize_t lie)
{
    plan.call = call;
    plan.at = at;
    plan.code = code;
    plan.lie = lie;
    plan.met = 0;
}

/* The call goes wrong once; what the walk makes of it, and what it tells. */
static void meets(const char *call, int at, int code, int wanted,
                  const char *end)
{
    plan_is(call, at, code, 0);
    CHECK_CODE(walk_tree(0), wanted);
    CHECK(plan.met == 1);
    plan.call = NULL;
    CHECK(o.error.user_code == (wanted == OCITAR_E_SYSTEM ? code : 0));
    CHECK(strlen(story) >= strlen(end) &&
          strcmp(story + strlen(story) - strlen(end), end) == 0);
}

static const fake two[] = { { "user.b", "\0=\n", 3 },
                            { "security.selinux", "label", 6 },
                            { "user.overlay.x", "y", 1 },
                            { "trusted.overlay.x", "y", 1 },
                            { "user.a", "", 0 },
                            { "system.other", "y", 1 } };

/* The entries are ./ and a and d/ and d/b and d/hard and d/soft; all but
   d/hard have attributes. */
static void test_xattrs_in_peace(void)
{
    fakes_are(6, two);
    CHECK_CODE(walk_tree(0), OCITAR_OK);
    CHECK(strcmp(story, "+a+d+d/b+d/hard+d/soft") == 0);
    CHECK(record_written("user.b", "\0=\n", 3) == 5);
    CHECK(record_written("user.a", "", 0) == 5);
    CHECK(written("SCHILY.xattr.", 13) == 10);
    fake_count = 0;
    CHECK_CODE(walk_tree(0), OCITAR_OK);
    CHECK(written("SCHILY.xattr.", 13) == 0 && written("PaxHeaders", 10) == 0);
}

static void test_xattrs_fail(void)
{
    static const int codes[] = { EIO, EACCES, EPERM, E2BIG, ENOMEM };
    char at_a[32], at_soft[32], at_root[32];
    size_t i;
    int call;

    fakes_are(6, two);
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
        for (call = 1; call <= 2; call++) { /* the size, then the bytes */
            snprintf(at_root, sizeof at_root, ":%d", codes[i]);
            snprintf(at_a, sizeof at_a, "+a!a:%d", codes[i]);
            snprintf(at_soft, sizeof at_soft, "!d/soft:%d", codes[i]);
            meets("flistxattr", call, codes[i], OCITAR_E_SYSTEM, at_root);
            CHECK(story[0] == '!');
            meets("fgetxattr", call, codes[i], OCITAR_E_SYSTEM, at_root);
            CHECK(story[0] == '!');
            meets("flistxattr", 2 + call, codes[i], OCITAR_E_SYSTEM, at_a);
            meets("llistxattr", call, codes[i], OCITAR_E_SYSTEM, at_soft);
            meets("fgetxattr", 4 + call, codes[i], OCITAR_E_SYSTEM, at_a);
            meets("fgetxattr", 6 + call, codes[i], OCITAR_E_SYSTEM, at_a);
            meets("lgetxattr", call, codes[i], OCITAR_E_SYSTEM, at_soft);
            meets("lgetxattr", 2 + call, codes[i], OCITAR_E_SYSTEM, at_soft);
        }
    meets("flistxattr", 3, ENOENT, OCITAR_E_SYSTEM, "+a!a:2");
    meets("lgetxattr", 1, ENOENT, OCITAR_E_SYSTEM, "!d/soft:2");
}

/* A file system without attributes is none; a link that /proc does not lead
   to has none; one that was in the list and is gone was changed. */
static void test_xattrs_gone(void)
{
    int call;

    fakes_are(6, two);
    for (call = 1; call <= 2; call++) {
        meets("flistxattr", 2 + call, ENOTSUP, OCITAR_OK, "+d/soft");
        CHECK(record_written("user.b", "\0=\n", 3) == 4);
        CHECK(written("SCHILY.xattr.", 13) == 8);
        meets("llistxattr", call, ENOTSUP, OCITAR_OK, "+d/soft");
        CHECK(written("SCHILY.xattr.", 13) == 8);
        meets("llistxattr", call, ENOENT, OCITAR_OK, "+d/soft");
        CHECK(written("SCHILY.xattr.", 13) == 8);
        meets("fgetxattr", 4 + call, ENODATA, OCITAR_E_CHANGED, "+a!a:0");
        meets("fgetxattr", 6 + call, ENODATA, OCITAR_E_CHANGED, "+a!a:0");
        meets("lgetxattr", call, ENODATA, OCITAR_E_CHANGED, "!d/soft:0");
        meets("fgetxattr", 4 + call, ENOTSUP, OCITAR_E_SYSTEM, "+a!a:95");
        meets("flistxattr", 2 + call, ENODATA, OCITAR_E_SYSTEM, "+a!a:61");
    }
}

/* ERANGE: it grew after its size was asked for, which is asked for again. */
static void test_xattrs_again(void)
{
    fakes_are(6, two);
    meets("flistxattr", 4, ERANGE, OCITAR_OK, "+d/soft");
    CHECK(written("SCHILY.xattr.", 13) == 10);
    meets("llistxattr", 2, ERANGE, OCITAR_OK, "+d/soft");
    CHECK(written("SCHILY.xattr.", 13) == 10);
    meets("fgetxattr", 6, ERANGE, OCITAR_OK, "+d/soft");
    CHECK(record_written("user.b", "\0=\n", 3) == 5);
    meets("fgetxattr", 8, ERANGE, OCITAR_OK, "+d/soft");
    CHECK(record_written("user.a", "", 0) == 5);
    meets("lgetxattr", 2, ERANGE, OCITAR_OK, "+d/soft");
    CHECK(written("SCHILY.xattr.", 13) == 10);
    meets("flistxattr", 3, ERANGE, OCITAR_E_SYSTEM, "+a!a:34"); /* no size */
    meets("fgetxattr", 5, ERANGE, OCITAR_E_SYSTEM, "+a!a:34");
}

/* The size that is said first is not the one that comes. */
static void lies(const char *call, int at, ssize_t size)
{
    plan_is(call, at, 0, size);
    CHECK_CODE(walk_tree(0), OCITAR_OK);
    CHECK(plan.met == 1);
    plan.call = NULL;
}

static char large[61440];

static void test_xattrs_grow(void)
{
    static const ssize_t said[] = { 0, 1, 470, 471, 5000, 60000 };
    static fake v[] = { { "user.a", large, 5000 }, { "user.b", "x", 1 } };
    static fake many[FAKES];
    static char names[FAKES][200];
    size_t i;

    for (i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 251);
    fakes_are(2, v);
    for (i = 0; i < sizeof said / sizeof said[0]; i++) {
        lies("fgetxattr", 1, said[i]); /* of ./, the vector is empty */
        CHECK(record_written("user.a", large, 5000) == 5);
        CHECK(record_written("user.b", "x", 1) == 5);
        lies("fgetxattr", 5, said[i]);
        CHECK(record_written("user.a", large, 5000) == 5);
        lies("lgetxattr", 1, said[i]);
        CHECK(record_written("user.a", large, 5000) == 5);
    }
    for (i = 0; i < FAKES; i++) { /* a list of nearly 4000 bytes */
        snprintf(names[i], sizeof names[i], "user.%02lu%0190d",
                 (unsigned long)i, 0);
        many[i].name = names[i];
        many[i].value = "x";
        many[i].len = 1;
    }
    fakes_are(FAKES, many);
    for (i = 1; i < sizeof said / sizeof said[0]; i++) {
        lies("flistxattr", 1, said[i]);
        CHECK(written("SCHILY.xattr.", 13) == 5 * FAKES);
        lies("llistxattr", 1, said[i]);
        CHECK(written("SCHILY.xattr.", 13) == 5 * FAKES);
    }
    lies("flistxattr", 1, 0); /* it had none, when it was asked */
    CHECK(written("SCHILY.xattr.", 13) == 4 * FAKES);
}

/* A value that was empty and is not when it is read, where the memory for it
   ends: 13 + 6 + 472 + 1 + 13 + 6 bytes are 511 of 512. */
static void test_xattrs_grow_at_the_edge(void)
{
    static fake v[] = { { "user.a", large, 0 }, { "user.b", "grown", 5 } };
    size_t len;

    for (len = 464; len <= 473; len++) {
        v[0].len = len;
        fakes_are(2, v);
        lies("fgetxattr", 3, 0); /* of ./ the second one's size */
        CHECK(record_written("user.a", large, len) == 5);
        /* 472 leaves one byte of room; asked for 0 bytes, the system would
           only say the size */
        CHECK(record_written("user.b", "grown", 5) == 5);
    }
}

/* Of 60 KiB each: seventeen are too much for the records of one entry. */
static void test_xattrs_in_masses(void)
{
    static fake many[18];
    static char names[18][16];
    size_t i;

    for (i = 0; i < 18; i++) {
        snprintf(names[i], sizeof names[i], "user.%02lu", (unsigned long)i);
        many[i].name = names[i];
        many[i].value = large;
        many[i].len = sizeof large;
    }
    fakes_are(17, many); /* 17 times 61440 + 30 are below 1 MiB */
    CHECK_CODE(walk_tree(0), OCITAR_OK);
    CHECK(record_written("user.00", large, sizeof large) == 5);
    CHECK(record_written("user.16", large, sizeof large) == 5);
    fakes_are(18, many);
    CHECK_CODE(walk_tree(0), OCITAR_E_LIMIT);
    CHECK(strcmp(story, "!./:0") == 0);
    plan_is("flistxattr", 1, ENOTSUP, 0); /* not ./ but the first file */
    CHECK_CODE(walk_tree(0), OCITAR_E_LIMIT);
    plan.call = NULL;
    CHECK(strcmp(story, "+a!a:0") == 0);
}

/* Every call to the allocator fails once. */
static void test_xattrs_without_memory(void)
{
    static fake v[] = { { "user.a", large, 700 }, { "user.b", large, 3000 },
                        { "user.c", "x", 1 } };
    size_t n;
    int e = OCITAR_E_MEMORY;

    fakes_are(3, v);
    for (n = 1; e != OCITAR_OK && n < 100; n++) {
        e = walk_tree(n);
        CHECK(e == OCITAR_OK || e == OCITAR_E_MEMORY);
    }
    CHECK(e == OCITAR_OK && n > 10);
    CHECK(record_written("user.b", large, 3000) == 5);
}

/* -- patterns: every one of a few bytes with every text of a few bytes -- */

/* By a table of which beginnings fit which, without any going back. */
static int fits_slowly(const char *p, const char *s)
{
    size_t plen = strlen(p), slen = strlen(s), i, j;
    char fits[16][16];

    memset(fits, 0, sizeof fits);
    fits[0][0] = 1;
    for (i = 1; i <= plen; i++) {
        int all = p[i - 1] == '*' && i < plen && p[i] == '*';

        if (all)
            i++;
        for (j = 0; j <= slen; j++)
            if (p[i - 1] == '*')
                fits[i][j] = fits[i - 1 - (size_t)all][j] ||
                             (j > 0 && fits[i][j - 1] &&
                              (all || s[j - 1] != '/'));
            else
                fits[i][j] = j > 0 && fits[i - 1][j - 1] &&
                             (p[i - 1] == s[j - 1] ||
                              (p[i - 1] == '?' && s[j - 1] != '/'));
    }
    return fits[plen][slen];
}

/* The n-th string over an alphabet; 0 once it has more than `max` bytes. */
static int nth_string(size_t n, const char *alphabet, size_t max, char *out)
{
    size_t base_n = strlen(alphabet), len = 0;

    for (; n > 0; n = (n - 1) / base_n) {
        if (len == max)
            return 0;
        out[len++] = alphabet[(n - 1) % base_n];
    }
    out[len] = 0;
    return 1;
}

static void test_patterns(void)
{
    char p[16], s[16];
    size_t i, j, wrong = 0, pairs = 0, fitting = 0;

    for (i = 0; nth_string(i, "ab/*?", 6, p); i++)
        for (j = 0; nth_string(j, "ab/", 5, s); j++) {
            int want_it = fits_slowly(p, s);

            pairs++;
            fitting += (size_t)want_it;
            if (ocitar_i_tree_fits(p, s) != want_it && wrong++ < 5)
                printf("  \"%s\" and \"%s\": not %d\n", p, s, want_it);
        }
    CHECK(wrong == 0);
    CHECK(pairs > 7000000 && fitting > 100000);
    for (i = 0; nth_string(i, "a/*", 8, p); i++) /* longer ones, of stars */
        for (j = 0; nth_string(j, "a/", 7, s); j++)
            wrong += ocitar_i_tree_fits(p, s) != fits_slowly(p, s);
    CHECK(wrong == 0);
}

static void test_attributes(void)
{
    how = FAIL;
    meet = 0;
    test_xattrs_in_peace();
    test_xattrs_fail();
    test_xattrs_gone();
    test_xattrs_again();
    test_xattrs_grow();
    test_xattrs_grow_at_the_edge();
    test_xattrs_in_masses();
    test_xattrs_without_memory();
    free(sink.data);
}

int main(void)
{
    static const fake few[] = { { "user.b", "1", 1 },
                                { "security.selinux", "label", 6 },
                                { "user.a", "", 0 } };
    char command[4200];

    ocitar_heap(&o.heap);
    make_tree();
    fakes_are(3, few);
    play("file", to_file, "out");
    play("stream", to_stream, "stream");
    play("directory", to_directory, "layout/index.json");
    fake_count = 0; /* fewer bytes to be full at */
    full("file", to_file, "out", 13);
    full("stream", to_stream, "stream", 1);
    test_untyped();
    test_attributes();
    test_patterns();
    snprintf(command, sizeof command, "rm -rf %s", base);
    must(system(command) == 0, command);
    return check_done();
}
