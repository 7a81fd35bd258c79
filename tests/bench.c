/* bench.c - the pieces of work that tests/bench.py times. One call, one piece:

       hash ROUNDS MS        SHA-256: a line for each sample
       blobs ROUNDS COUNT    blobs from memory into nothing, likewise
       memory BYTES          the digest of so many, which are in memory
       sum FILE              of one that is read, as sha256sum does
       file IN OUT BUFFER    an archive of a file, to a file
       pipe BUFFER           one of standard input, to standard output
       small OUT COUNT SIZE  an archive of equal blobs
       fill FILE BYTES SEED  a file of numbers that no compressor likes
       feed BYTES            such bytes to standard output
       drain                 reads standard input

   A sample is "NAME SIZE NANOSECONDS" on standard output. memory, file and
   pipe say on standard error "seconds: ", by the clock and of the processor.
   Built with BENCH_EVP and libcrypto, hash has OpenSSL's among its samples. */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <string.h>
#include <time.h>
#ifdef BENCH_EVP
#  include <openssl/evp.h>
#endif

enum { PIECE = 65536, LARGEST = 1 << 20, TOGETHER = 3, GROUP = 12 };

static int fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

/* For what neither waits nor shares: others' load does not count. */
static double worked(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static size_t number(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || n > SIZE_MAX)
        fail("not a number");
    return (size_t)n;
}

static int open_or_fail(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);

    if (fd < 0)
        fail(path);
    return fd;
}

/* Memory that begins where the cache's lines do. */
static unsigned char *memory_of(size_t size)
{
    void *p = NULL;

    if (posix_memalign(&p, 64, size) != 0)
        fail("no memory");
    return (unsigned char *)p;
}

/* xorshift64*, by G. Marsaglia and S. Vigna. */
static void fill(unsigned char *out, size_t len, uint64_t *state)
{
    uint64_t x, y;
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        x = *state;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        *state = x;
        y = x * 0x2545f4914f6cdd1du;
        memcpy(out + i, &y, 8);
    }
}

/* ---- hash -------------------------------------------------------------- */

#ifdef BENCH_EVP
static EVP_MD_CTX *evp;
static const EVP_MD *evp_sha256;

static void begin_evp(void)
{
    evp = EVP_MD_CTX_new();
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    evp_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
    evp_sha256 = EVP_sha256();
#endif
    if (evp == NULL || evp_sha256 == NULL)
        fail("no EVP");
}

static void hash_evp(ocitar_digest *out, const unsigned char *data, size_t len)
{
    if (EVP_DigestInit_ex(evp, evp_sha256, NULL) != 1 ||
        EVP_DigestUpdate(evp, data, len) != 1 ||
        EVP_DigestFinal_ex(evp, out->bytes, NULL) != 1)
        fail("EVP");
    out->algorithm = OCITAR_SHA256;
}
#endif

static void hash_one(ocitar_digest *out, const unsigned char *data, size_t len)
{
    if (ocitar_digest_of(out, OCITAR_SHA256, data, len) != OCITAR_OK)
        fail("digest_of");
}

/* `count` messages of one length, which lie behind each other. */
static void hash_many(ocitar_digest *out, const unsigned char *data,
                      size_t len, size_t count)
{
    const void *starts[TOGETHER];
    size_t sizes[TOGETHER], i;

    for (i = 0; i < count; i++) {
        starts[i] = data + i * LARGEST;
        sizes[i] = len;
    }
    if (ocitar_digest_many(out, OCITAR_SHA256, starts, sizes, count) !=
        OCITAR_OK)
        fail("digest_many");
}

/* The ways: so many messages at once, 0 for OpenSSL's one. */
static void hash_way(int way, ocitar_digest *out, const unsigned char *data,
                     size_t len)
{
    if (way > 1)
        hash_many(out, data, len, (size_t)way);
    else if (way == 1)
        hash_one(out, data, len);
#ifdef BENCH_EVP
    else
        hash_evp(out, data, len);
#endif
}

#ifdef BENCH_EVP
enum { FIRST_WAY = 0 };
#else
enum { FIRST_WAY = 1 };
#endif
static const char *const way_names[] = { "evp", "one", "two", "three" };

/* All ways say the same, or their times would mean nothing. */
static void compare_ways(const unsigned char *data, size_t len)
{
    ocitar_digest want[TOGETHER], got[TOGETHER];
    int way, i;

    memset(want, 0, sizeof want);
    memset(got, 0, sizeof got);
    for (i = 0; i < TOGETHER; i++)
        hash_one(&want[i], data + (size_t)i * LARGEST, len);
    for (way = FIRST_WAY; way <= TOGETHER; way++) {
        hash_way(way, got, data, len);
        for (i = 0; i < way || i == 0; i++)
            if (!ocitar_digest_equal(&want[i], &got[i]))
                fail("digests differ");
    }
}

/* Nanoseconds a message. */
static double hash_sample(int way, const unsigned char *data, size_t len,
                          size_t times)
{
    ocitar_digest out[TOGETHER];
    size_t i;
    double begin = worked();

    for (i = 0; i < times; i++)
        hash_way(way, out, data, len);
    return (worked() - begin) * 1e9 / (double)times / (way > 1 ? way : 1);
}

/* The ways take turns, and in every other round the other way around. */
static int hash(size_t rounds, double ms)
{
    static const size_t sizes[] = { 64, 100, 1024, 16384, LARGEST };
    unsigned char *data = memory_of((size_t)TOGETHER * LARGEST);
    uint64_t seed = 1;
    size_t s, round, times;
    int way, turn;

    fill(data, (size_t)TOGETHER * LARGEST, &seed);
#ifdef BENCH_EVP
    begin_evp();
#endif
    for (s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        compare_ways(data, sizes[s]);
        times = (size_t)(ms * 1e6 / hash_sample(1, data, sizes[s], 2)) + 1;
        for (round = 0; round < rounds; round++)
            for (way = FIRST_WAY; way <= TOGETHER; way++) {
                turn = round % 2 == 0 ? way : TOGETHER + FIRST_WAY - way;
                printf("%s %lu %.3f\n", way_names[turn],
                       (unsigned long)sizes[s],
                       hash_sample(turn, data, sizes[s], times));
            }
    }
    free(data);
    return 0;
}

/* ---- blobs ------------------------------------------------------------- */

/* An archive with nothing but blobs in it. */
typedef struct target {
    ocitar_fd fd;
    ocitar_archive archive;
    ocitar_layout layout;
} target;

static void target_begin(target *t, const ocitar_sink *sink, void *buffer,
                         size_t size)
{
    ocitar_archive_desc desc = OCITAR_ZERO;

    desc.sink = *sink;
    desc.buffer = buffer;
    desc.buffer_size = size;
    if (ocitar_archive_begin(&t->archive, &desc) != OCITAR_OK ||
        ocitar_layout_begin(&t->layout, &t->archive, NULL) != OCITAR_OK ||
        ocitar_layout_init(&t->layout) != OCITAR_OK)
        fail("layout");
}

static void target_end(target *t)
{
    char why[OCITAR_ERROR_MAX];

    if (ocitar_archive_finish(&t->archive) == OCITAR_OK)
        return;
    ocitar_error_format(ocitar_archive_error(&t->archive), why, sizeof why);
    fail(why);
}

static void target_open(target *t, int fd, void *buffer, size_t size)
{
    ocitar_sink sink;

    ocitar_fd_begin(&t->fd, fd);
    ocitar_fd_sink(&t->fd, &sink);
    target_begin(t, &sink, buffer, size);
}

static int put_nowhere(void *user, const void *data, size_t len)
{
    (void)user;
    (void)data;
    (void)len;
    return 0;
}

/* The first bytes of each are its number, so that no two are the same. */
static void put_each(target *t, unsigned char *data, size_t size, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        memcpy(data, &i, sizeof i);
        if (ocitar_blob_put(&t->layout, 0, data, size, NULL) != OCITAR_OK)
            fail("blob_put");
    }
}

/* The same, a group at a time. */
static void put_groups(target *t, unsigned char *data, size_t size,
                       size_t count)
{
    const void *starts[GROUP];
    size_t sizes[GROUP], i, j;
    ocitar_digest digests[GROUP];

    for (i = 0; i < GROUP; i++) {
        starts[i] = data + i * size;
        sizes[i] = size;
    }
    for (i = 0; i < count; i += j) {
        for (j = 0; j < GROUP && i + j < count; j++) {
            size_t n = i + j;

            memcpy(data + j * size, &n, sizeof n);
        }
        if (ocitar_blob_put_many(&t->layout, 0, starts, sizes, j, digests) !=
            OCITAR_OK)
            fail("blob_put_many");
    }
}

typedef void (*put_fn)(target *, unsigned char *, size_t, size_t);

/* Nanoseconds a blob. */
static double blobs_sample(put_fn put, unsigned char *buffer,
                           unsigned char *data, size_t size, size_t count)
{
    ocitar_sink sink = OCITAR_ZERO;
    target t;
    double begin, taken;

    sink.put_fn = put_nowhere;
    target_begin(&t, &sink, buffer, PIECE);
    begin = worked();
    put(&t, data, size, count);
    taken = (worked() - begin) * 1e9 / (double)count;
    target_end(&t);
    return taken;
}

static int blobs(size_t rounds, size_t count)
{
    static const size_t sizes[] = { 100, 4096 };
    unsigned char *buffer = memory_of(PIECE);
    unsigned char *data = memory_of((size_t)GROUP * 4096);
    uint64_t seed = 1;
    size_t round, s;

    fill(data, (size_t)GROUP * 4096, &seed);
    for (round = 0; round < rounds; round++)
        for (s = 0; s < 2; s++) {
            printf("one %lu %.3f\n", (unsigned long)sizes[s],
                   blobs_sample(put_each, buffer, data, sizes[s], count));
            printf("together %lu %.3f\n", (unsigned long)sizes[s],
                   blobs_sample(put_groups, buffer, data, sizes[s], count));
        }
    free(buffer);
    free(data);
    return 0;
}

static int small(const char *out, size_t count, size_t size)
{
    unsigned char *buffer = memory_of(PIECE);
    unsigned char *data = memory_of(size + sizeof count);
    uint64_t seed = 1;
    target t;

    fill(data, size, &seed);
    target_open(&t, open_or_fail(out, O_WRONLY | O_CREAT | O_TRUNC), buffer,
                PIECE);
    put_each(&t, data, size, count);
    target_end(&t);
    free(buffer);
    free(data);
    return close(t.fd.descriptor) != 0;
}

/* ---- files ------------------------------------------------------------- */

typedef struct start {
    double clock, work;
} start;

static start begin_work(void)
{
    start s;

    s.clock = now();
    s.work = worked();
    return s;
}

static int told(start s)
{
    fprintf(stderr, "seconds: %.6f %.6f\n", now() - s.clock,
            worked() - s.work);
    return 0;
}

static void say(const ocitar_digest *digest)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(digest, text);
    printf("%s\n", text);
}

/* As much as a file of so many bytes, out of the cache. */
static int memory(size_t bytes)
{
    unsigned char *data = memory_of(LARGEST);
    uint64_t seed = 1;
    ocitar_digester d;
    ocitar_digest digest;
    start begin;

    fill(data, LARGEST, &seed);
    begin = begin_work();
    if (ocitar_digester_begin(&d, OCITAR_SHA256, NULL) != OCITAR_OK)
        return fail("digester");
    for (; bytes >= LARGEST; bytes -= LARGEST)
        if (ocitar_digester_update(&d, data, LARGEST) != OCITAR_OK)
            return fail("digester");
    if (ocitar_digester_update(&d, data, bytes) != OCITAR_OK ||
        ocitar_digester_end(&d, &digest) != OCITAR_OK)
        return fail("digester");
    told(begin);
    say(&digest);
    free(data);
    return 0;
}

static int sum(const char *path)
{
    static unsigned char buffer[32768]; /* as coreutils has it */
    int fd = open_or_fail(path, O_RDONLY);
    ocitar_digester d;
    ocitar_digest digest;
    ssize_t n;

    if (ocitar_digester_begin(&d, OCITAR_SHA256, NULL) != OCITAR_OK)
        return fail("digester");
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        if (ocitar_digester_update(&d, buffer, (size_t)n) != OCITAR_OK)
            return fail("digester");
    if (n < 0 || ocitar_digester_end(&d, &digest) != OCITAR_OK)
        return fail(path);
    say(&digest);
    return 0;
}

/* What has no second reading: it waits in the output, or else in memory and
   then in a file. */
static void stream(target *t, int fd, unsigned char *buffer, size_t size)
{
    ocitar_spool_desc desc = OCITAR_ZERO;
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_store store;
    ocitar_temp temp;
    ocitar_blob blob;
    ssize_t n;

    ocitar_temp_begin(&temp, getenv("TMPDIR"));
    ocitar_temp_store(&temp, &store);
    desc.buffer = memory_of(PIECE);
    desc.buffer_size = PIECE;
    desc.store = &store;
    if (ocitar_spool_begin(&spool, &desc) != OCITAR_OK)
        fail("spool");
    wait.spool = &spool;
    if (ocitar_blob_begin(&blob, &t->layout, 0, &wait) != OCITAR_OK)
        fail("blob");
    while ((n = read(fd, buffer, size)) > 0)
        if (ocitar_blob_write(&blob, buffer, (size_t)n) != OCITAR_OK)
            fail("blob write");
    if (n < 0 || ocitar_blob_commit(&blob, OCITAR_SIZE_UNKNOWN, NULL) != 0 ||
        ocitar_blob_close(&blob) != OCITAR_OK)
        fail("blob commit");
    ocitar_spool_end(&spool);
    ocitar_temp_end(&temp);
    free(desc.buffer);
}

static int file(const char *in, const char *out, size_t size)
{
    unsigned char *buffer = memory_of(size), *data = memory_of(size);
    start begin = begin_work();
    target t;

    target_open(&t, open_or_fail(out, O_RDWR | O_CREAT | O_TRUNC), buffer,
                size);
    stream(&t, open_or_fail(in, O_RDONLY), data, size);
    target_end(&t);
    if (close(t.fd.descriptor) != 0)
        return fail(out);
    return told(begin);
}

static int pipe_through(size_t size)
{
    unsigned char *buffer = memory_of(size), *data = memory_of(size);
    start begin = begin_work();
    ocitar_source source;
    ocitar_fd in;
    target t;

    target_open(&t, 1, buffer, size);
    ocitar_fd_begin(&in, 0);
    ocitar_fd_source(&in, &source);
    if (source.rewind_fn == NULL)
        stream(&t, 0, data, size);
    else if (ocitar_blob_copy(&t.layout, 0, &source, data, size, NULL,
                              NULL) != OCITAR_OK)
        return fail("blob_copy");
    target_end(&t);
    return told(begin);
}

/* ---- both ends of a pipe ------------------------------------------------ */

static void put_all(int fd, const unsigned char *p, size_t len)
{
    ssize_t n;

    for (; len > 0; p += n, len -= (size_t)n)
        if ((n = write(fd, p, len)) <= 0)
            fail("write");
}

static int feed(int fd, size_t bytes, size_t seed, int same)
{
    unsigned char *data = memory_of(PIECE);
    uint64_t state = seed;
    size_t n;

    fill(data, PIECE, &state);
    for (; bytes > 0; bytes -= n) {
        n = bytes < PIECE ? bytes : (size_t)PIECE;
        if (!same)
            fill(data, PIECE, &state);
        put_all(fd, data, n);
    }
    free(data);
    return 0;
}

static int drain(void)
{
    unsigned char *data = memory_of(PIECE);
    ssize_t n;

    while ((n = read(0, data, PIECE)) > 0)
        ;
    free(data);
    return n < 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int rest = argc - 2;

    if (strcmp(what, "hash") == 0 && rest == 2)
        return hash(number(argv[2]), (double)number(argv[3]));
    if (strcmp(what, "blobs") == 0 && rest == 2)
        return blobs(number(argv[2]), number(argv[3]));
    if (strcmp(what, "memory") == 0 && rest == 1)
        return memory(number(argv[2]));
    if (strcmp(what, "sum") == 0 && rest == 1)
        return sum(argv[2]);
    if (strcmp(what, "file") == 0 && rest == 3)
        return file(argv[2], argv[3], number(argv[4]));
    if (strcmp(what, "pipe") == 0 && rest == 1)
        return pipe_through(number(argv[2]));
    if (strcmp(what, "small") == 0 && rest == 3)
        return small(argv[2], number(argv[3]), number(argv[4]));
    if (strcmp(what, "fill") == 0 && rest == 3)
        return feed(open_or_fail(argv[2], O_WRONLY | O_CREAT | O_TRUNC),
                    number(argv[3]), number(argv[4]), 0);
    if (strcmp(what, "feed") == 0 && rest == 1)
        return feed(1, number(argv[2]), 1, 1);
    if (strcmp(what, "drain") == 0 && rest == 0)
        return drain();
    return fail("see the head of tests/bench.c");
}
