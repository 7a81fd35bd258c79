/* test_spool - where blobs wait: fixed memory, a heap, a store behind it. */

#include "ocitar.h"
#include "check.h"

enum { GREATEST = 100000 };

/* ---- a heap that counts, and fails when told to ---- */

typedef struct heap {
    size_t live, peak; /* bytes */
    int calls, fail_at, wrong;
    void *memory; /* the one piece that a spool has */
} heap;

static void *heap_resize(void *user, void *old, size_t old_size,
                         size_t new_size)
{
    heap *h = (heap *)user;
    void *memory;

    h->calls++;
    h->wrong |= old != h->memory || old_size != h->live ||
                (old == NULL && new_size == 0);
    if (new_size == 0) {
        free(old);
        h->memory = NULL;
        h->live = 0;
        return NULL;
    }
    if (h->calls == h->fail_at)
        return NULL;
    memory = realloc(old, new_size);
    if (memory == NULL)
        abort();
    h->memory = memory;
    h->live = new_size;
    h->peak = h->live > h->peak ? h->live : h->peak;
    return memory;
}

/* ---- a store, likewise ---- */

typedef struct store {
    unsigned char data[GREATEST];
    size_t len, loaded; /* loaded: where the next load should begin */
    int appends, loads, resets;
    int fail_append, fail_load, fail_reset; /* at which call, from 1 */
    int broken; /* no reset from `fail_reset` on works */
    int code, wrong;
} store;

static int store_append(void *user, const void *data, size_t len)
{
    store *s = (store *)user;

    s->wrong |= len == 0 || len > sizeof s->data - s->len;
    if (s->wrong)
        return 99;
    memcpy(s->data + s->len, data, len);
    s->len += len; /* a store that failed may have kept some */
    return ++s->appends == s->fail_append ? s->code : 0;
}

static int store_load(void *user, uint64_t offset, void *out, size_t len)
{
    store *s = (store *)user;

    s->wrong |= len == 0 || offset != s->loaded || offset + len > s->len;
    if (s->wrong)
        return 99;
    if (++s->loads == s->fail_load)
        return s->code;
    memcpy(out, s->data + offset, len);
    s->loaded += len;
    return 0;
}

static int store_reset(void *user)
{
    store *s = (store *)user;

    s->loaded = 0;
    if (++s->resets == s->fail_reset || s->broken)
        return s->code; /* and everything is still there */
    s->len = 0;
    return 0;
}

/* ---- an archive in memory, and a spool ---- */

typedef struct rig {
    unsigned char buffer[65536], fixed[4096];
    check_sink sink;
    ocitar_archive archive;
    ocitar_layout layout;
    heap heap;
    store store;
    ocitar_allocator allocator;
    ocitar_store functions;
    ocitar_spool_desc desc; /* of the spool: see rig_spool */
    ocitar_spool spool;
    ocitar_wait wait;
    ocitar_blob blob;
} rig;

/* An archive; `buffer_size` decides how soon bytes go out for good. */
static void rig_begin(rig *r, size_t buffer_size)
{
    ocitar_archive_desc desc = OCITAR_ZERO;

    memset(r, 0, sizeof *r);
    desc.buffer = r->buffer;
    desc.buffer_size = buffer_size;
    desc.sink.put_fn = check_put;
    desc.sink.user = &r->sink;
    CHECK_CODE(ocitar_archive_begin(&r->archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&r->layout, &r->archive, NULL), OCITAR_OK);
    r->allocator.resize_fn = heap_resize;
    r->allocator.user = &r->heap;
    r->functions.append_fn = store_append;
    r->functions.load_fn = store_load;
    r->functions.reset_fn = store_reset;
    r->functions.user = &r->store;
    r->wait.way = OCITAR_WAIT_SPOOL;
    r->wait.spool = &r->spool;
}

/* A spool of `fixed` bytes in a buffer, or if `limit` is not 0 of as many
   from the heap (SIZE_MAX: no limit), and a store. */
static void rig_spool(rig *r, size_t fixed, size_t limit, int with_store)
{
    memset(&r->desc, 0, sizeof r->desc);
    if (fixed > 0) {
        r->desc.buffer = r->fixed;
        r->desc.buffer_size = fixed;
    }
    if (limit > 0)
        r->desc.allocator = &r->allocator;
    r->desc.memory_limit = limit == SIZE_MAX ? 0 : limit;
    if (with_store)
        r->desc.store = &r->functions;
    memset(&r->spool, 0xff, sizeof r->spool);
    CHECK_CODE(ocitar_spool_begin(&r->spool, &r->desc), OCITAR_OK);
}

static void rig_end(rig *r)
{
    ocitar_spool_end(&r->spool);
    CHECK(r->heap.live == 0 && r->heap.memory == NULL && !r->heap.wrong);
    CHECK(!r->store.wrong);
    free(r->sink.data);
}

static const unsigned char *body(void)
{
    static unsigned char data[2 * GREATEST];
    size_t i;

    for (i = data[1] == 0 ? 0 : sizeof data; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 13 + i / 251);
    return data;
}

/* A blob through the spool, in chunks; the first error, before the close. */
static int put(rig *r, const unsigned char *data, size_t len, size_t chunk)
{
    int e = ocitar_blob_begin(&r->blob, &r->layout, 0, &r->wait);

    while (e == OCITAR_OK && len > 0) {
        size_t n = len < chunk ? len : chunk;

        e = ocitar_blob_write(&r->blob, data, n);
        data += n;
        len -= n;
    }
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&r->blob, OCITAR_SIZE_UNKNOWN, NULL);
    return e;
}

static int put_and_close(rig *r, const unsigned char *data, size_t len,
                         size_t chunk)
{
    int e = put(r, data, len, chunk), closed = ocitar_blob_close(&r->blob);

    return e != OCITAR_OK ? e : closed;
}

/* Is there a blob at `*at` of the output with these bytes, its name their
   digest (hashed anew here), its padding zero? Moves *at past it. */
static int blob_at(const rig *r, size_t *at, const unsigned char *data,
                   size_t len)
{
    char text[OCITAR_DIGEST_TEXT_MAX], size[13];
    const unsigned char *p = r->sink.data + *at;
    ocitar_digest digest;
    size_t padded = (len + 511) / 512 * 512, i;
    int ok;

    if (r->sink.len < *at + 512 + padded)
        return 0;
    ocitar_digest_of(&digest, OCITAR_SHA256, data, len);
    ocitar_digest_format(&digest, text);
    sprintf(size, "%011lo", (unsigned long)len);
    ok = memcmp(p, "blobs/sha256/", 13) == 0 &&
         memcmp(p + 13, text + 7, 65) == 0 && memcmp(p + 124, size, 12) == 0 &&
         memcmp(p + 512, data, len) == 0;
    for (i = len; i < padded; i++)
        ok = ok && p[512 + i] == 0;
    *at += 512 + padded;
    return ok;
}

static int error_is(const rig *r, int code, int user_code)
{
    const ocitar_error *e = ocitar_archive_error(&r->archive);

    if (e->code != code || e->user_code != user_code)
        printf("%s, code %d\n", ocitar_error_name(e->code), e->user_code);
    return e->code == code && e->user_code == user_code;
}

/* Finishes; is one blob of these bytes all that there is? */
static void check_only(rig *r, const unsigned char *data, size_t len)
{
    size_t at = 0;

    CHECK_CODE(ocitar_archive_finish(&r->archive), OCITAR_OK);
    CHECK(blob_at(r, &at, data, len));
    CHECK(r->sink.len == at + 1024);
}

static void check_none(rig *r)
{
    CHECK_CODE(ocitar_archive_finish(&r->archive), OCITAR_OK);
    CHECK(r->sink.len == 1024);
}

/* ---- begin ---- */

static void test_begin_arguments(void)
{
    static rig r;
    ocitar_spool_desc desc = OCITAR_ZERO;
    ocitar_spool spool;
    char byte;

    rig_begin(&r, 512);
    CHECK_CODE(ocitar_spool_begin(NULL, &desc), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin(&spool, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin(&spool, &desc), OCITAR_E_ARG);
    desc.buffer_size = 10;
    CHECK_CODE(ocitar_spool_begin(&spool, &desc), OCITAR_E_ARG);
    desc.allocator = &r.allocator; /* bytes of a buffer that is not there */
    CHECK_CODE(ocitar_spool_begin(&spool, &desc), OCITAR_E_ARG);
    desc.buffer_size = 0;
    CHECK_CODE(ocitar_spool_begin(&spool, &desc), OCITAR_OK);
    desc.allocator = NULL;
    desc.store = &r.functions;
    CHECK_CODE(ocitar_spool_begin(&spool, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_spool_begin_buffer(NULL, &byte, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, NULL, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, &byte, 1), OCITAR_OK);
    ocitar_spool_end(&spool);
    ocitar_spool_end(&spool);
    ocitar_spool_end(NULL);
}

/* "E_ARG: nothing to keep bytes in." */
static void test_begin_without_room(void)
{
    ocitar_spool spool;
    char byte;

    CHECK_CODE(ocitar_spool_begin_buffer(&spool, &byte, 0), OCITAR_E_ARG);
}

/* A spool that was not begun, or was ended, or could not begin. */
static void test_no_spool(void)
{
    static rig r;

    rig_begin(&r, 512);
    CHECK_CODE(put_and_close(&r, body(), 1, 1), OCITAR_E_ARG);
    rig_spool(&r, 10, 0, 0);
    ocitar_spool_end(&r.spool);
    CHECK_CODE(put_and_close(&r, body(), 1, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_spool_begin(&r.spool, NULL), OCITAR_E_ARG);
    CHECK_CODE(put_and_close(&r, body(), 1, 1), OCITAR_E_ARG);
    r.wait.spool = NULL;
    CHECK_CODE(put_and_close(&r, body(), 1, 1), OCITAR_E_ARG);
    check_none(&r);
    rig_end(&r);
}

/* ---- fixed memory ---- */

static void test_exact_fit(void)
{
    static rig r;
    static const size_t sizes[] = { 1, 10, 511, 512, 513, 4096 };
    static const size_t chunks[] = { 1, 3, 512, 5000 };
    size_t i, c;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            rig_begin(&r, 512);
            rig_spool(&r, sizes[i], 0, 0);
            CHECK_CODE(put_and_close(&r, body(), sizes[i], chunks[c]),
                       OCITAR_OK);
            check_only(&r, body(), sizes[i]);
            rig_end(&r);
        }
    }
}

/* "what exceeds it is OCITAR_E_LIMIT"; nothing of the blob stays, and the
   spool is there for the next one. */
static void test_one_too_many(void)
{
    static rig r;
    static const size_t chunks[] = { 1, 4, 11 };
    size_t c;

    for (c = 0; c < 3; c++) {
        rig_begin(&r, 512);
        CHECK_CODE(ocitar_spool_begin_buffer(&r.spool, r.fixed, 10),
                   OCITAR_OK);
        r.fixed[10] = 77;
        CHECK_CODE(put(&r, body(), 11, chunks[c]), OCITAR_E_LIMIT);
        CHECK(error_is(&r, OCITAR_E_LIMIT, 0));
        CHECK_CODE(ocitar_blob_write(&r.blob, body(), 1), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_blob_commit(&r.blob, 10, NULL), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_LIMIT);
        CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
        CHECK(error_is(&r, OCITAR_OK, 0));
        CHECK(r.fixed[10] == 77);
        CHECK_CODE(put_and_close(&r, body() + 5, 10, 3), OCITAR_OK);
        check_only(&r, body() + 5, 10);
        rig_end(&r);
    }
}

/* The sizes: "with OCITAR_E_SIZE, E_LIMIT, E_CHANGED". */
static void test_limit_tells_sizes(void)
{
    static rig r;
    const ocitar_error *e = ocitar_archive_error(&r.archive);

    rig_begin(&r, 512);
    rig_spool(&r, 10, 0, 0);
    CHECK_CODE(put(&r, body(), 11, 11), OCITAR_E_LIMIT);
    CHECK(e->expected_size != e->actual_size);
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
    rig_end(&r);
}

static void test_empty_blob(void)
{
    static rig r;
    int kind;

    for (kind = 0; kind < 3; kind++) {
        rig_begin(&r, 512);
        rig_spool(&r, kind == 0 ? 1 : 0, kind == 1 ? SIZE_MAX : 0, kind == 2);
        CHECK_CODE(put_and_close(&r, body(), 0, 1), OCITAR_OK);
        CHECK(r.heap.calls == 0 && r.store.appends == 0);
        CHECK(r.store.loads == 0 && r.store.resets == 0);
        check_only(&r, body(), 0);
        rig_end(&r);
    }
}

/* With a buffer the allocator is not asked: it "grows memory instead". */
static void test_buffer_before_heap(void)
{
    static rig r;

    rig_begin(&r, 512);
    rig_spool(&r, 10, SIZE_MAX, 0);
    CHECK_CODE(put_and_close(&r, body(), 11, 4), OCITAR_E_LIMIT);
    CHECK_CODE(put_and_close(&r, body(), 10, 4), OCITAR_OK);
    CHECK(r.heap.calls == 0);
    check_only(&r, body(), 10);
    rig_end(&r);
}

/* ---- a heap ---- */

static void test_growth(void)
{
    static rig r;
    static const size_t sizes[] = { 1, 2047, 2048, 2049, 4096, 4097, 65536,
                                    GREATEST };
    static const size_t chunks[] = { 100, 2048, 5000, GREATEST };
    size_t i, c;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            rig_begin(&r, 4096);
            rig_spool(&r, 0, SIZE_MAX, 0);
            CHECK(r.heap.calls == 0); /* none before the first byte */
            CHECK_CODE(put_and_close(&r, body(), sizes[i], chunks[c]),
                       OCITAR_OK);
            CHECK(r.heap.live >= sizes[i]);
            CHECK(r.heap.peak <= (sizes[i] < 2048 ? 2048 : 2 * sizes[i]));
            CHECK(r.heap.calls <= 8); /* it doubles */
            check_only(&r, body(), sizes[i]);
            rig_end(&r);
        }
    }
}

/* "of the allocator, bytes": reached exactly, never exceeded. */
static void test_memory_limit(void)
{
    static rig r;
    static const size_t limits[] = { 1, 100, 2047, 2048, 2049, 3000, 4096,
                                     10000 };
    static const size_t chunks[] = { 1, 777, 20000 };
    size_t i, c;

    for (i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (c = 0; c < 3; c++) {
            rig_begin(&r, 4096);
            rig_spool(&r, 0, limits[i], 0);
            CHECK_CODE(put(&r, body(), limits[i] + 1, chunks[c]),
                       OCITAR_E_LIMIT);
            CHECK(error_is(&r, OCITAR_E_LIMIT, 0));
            CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
            CHECK(r.heap.peak == limits[i]);
            CHECK_CODE(put_and_close(&r, body(), limits[i], chunks[c]),
                       OCITAR_OK);
            CHECK(r.heap.peak == limits[i]);
            check_only(&r, body(), limits[i]);
            rig_end(&r);
        }
    }
}

/* Each call of the allocator fails once: E_MEMORY, nothing is lost that it
   gave before, nothing leaks, and the next blob has its chance. */
static void test_heap_fails(void)
{
    static rig r;
    int n, e = 1;

    for (n = 1; e != OCITAR_OK; n++) {
        rig_begin(&r, 512);
        rig_spool(&r, 0, SIZE_MAX, 0);
        r.heap.fail_at = n;
        e = put(&r, body(), 40000, 300);
        if (e != OCITAR_OK) {
            CHECK_CODE(e, OCITAR_E_MEMORY);
            CHECK(error_is(&r, OCITAR_E_MEMORY, 0));
            CHECK_CODE(ocitar_blob_commit(&r.blob, OCITAR_SIZE_UNKNOWN, NULL),
                       OCITAR_E_MEMORY);
            CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_MEMORY);
            CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
            CHECK_CODE(put_and_close(&r, body(), 40000, 300), OCITAR_OK);
        }
        check_only(&r, body(), 40000);
        rig_end(&r);
    }
    CHECK(n > 5);
}

/* With a store behind it, a heap that has nothing is no error. */
static void test_heap_fails_before_store(void)
{
    static rig r;
    int n;

    for (n = 1; n < 8; n++) {
        rig_begin(&r, 512);
        rig_spool(&r, 0, SIZE_MAX, 1);
        r.heap.fail_at = n;
        CHECK_CODE(put_and_close(&r, body(), 40000, 300), OCITAR_OK);
        CHECK(n > 5 || r.store.appends > 0);
        check_only(&r, body(), 40000);
        rig_end(&r);
    }
}

/* ---- a store ---- */

/* Bytes wait in memory first, then in the store: none, one, many. */
static void test_spill(void)
{
    static rig r;
    static const size_t over[] = { 0, 1, 100, 511, 512, 513, 5000 };
    static const size_t chunks[] = { 1, 64, 100, 999, 9999 };
    static const size_t buffers[] = { 512, 65536 };
    size_t o, c, b;
    int kind;

    for (kind = 0; kind < 3; kind++)
        for (o = 0; o < sizeof over / sizeof over[0]; o++)
            for (c = 0; c < sizeof chunks / sizeof chunks[0]; c++)
                for (b = 0; b < 2; b++) {
                    size_t memory = kind == 2 ? 0 : 100;

                    rig_begin(&r, buffers[b]);
                    rig_spool(&r, kind == 0 ? memory : 0,
                              kind == 1 ? memory : 0, 1);
                    CHECK_CODE(put(&r, body(), memory + over[o], chunks[c]),
                               OCITAR_OK);
                    CHECK(r.store.loaded == 0 && r.store.len == 0); /* reset */
                    CHECK(r.store.resets == (over[o] > 0));
                    CHECK((r.store.appends > 0) == (over[o] > 0));
                    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
                    CHECK(r.store.resets == (over[o] > 0));
                    check_only(&r, body(), memory + over[o]);
                    rig_end(&r);
                }
}

/* Memory is filled before the store gets its first byte. */
static void test_memory_first(void)
{
    static rig r;

    rig_begin(&r, 512);
    rig_spool(&r, 100, 0, 1);
    CHECK_CODE(ocitar_blob_begin(&r.blob, &r.layout, 0, &r.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body(), 100), OCITAR_OK);
    CHECK(r.store.appends == 0);
    CHECK_CODE(ocitar_blob_write(&r.blob, body() + 100, 7), OCITAR_OK);
    CHECK(r.store.appends == 1 && r.store.len == 7);
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK); /* given up */
    CHECK(r.store.resets == 1 && r.store.len == 0 && r.store.loads == 0);
    CHECK_CODE(ocitar_blob_begin(&r.blob, &r.layout, 0, &r.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body(), 30), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body() + 30, 90), OCITAR_OK);
    CHECK(r.store.len == 20 && r.store.data[0] == body()[100]);
    CHECK_CODE(ocitar_blob_commit(&r.blob, 120, NULL), OCITAR_OK);
    check_only(&r, body(), 120);
    rig_end(&r);
}

static void test_append_fails(void)
{
    static rig r;
    int n;

    for (n = 1; n < 5; n++) {
        rig_begin(&r, 512);
        rig_spool(&r, 100, 0, 1);
        r.store.fail_append = n;
        r.store.code = -70 - n;
        CHECK_CODE(put(&r, body(), 450, 100), OCITAR_E_SPOOL);
        CHECK(error_is(&r, OCITAR_E_SPOOL, -70 - n));
        CHECK_CODE(ocitar_blob_write(&r.blob, body(), 1), OCITAR_E_SPOOL);
        CHECK_CODE(ocitar_blob_commit(&r.blob, OCITAR_SIZE_UNKNOWN, NULL),
                   OCITAR_E_SPOOL);
        CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_SPOOL);
        CHECK(error_is(&r, OCITAR_E_SPOOL, -70 - n));
        CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
        CHECK(r.store.appends == n && r.store.resets == 1);
        CHECK_CODE(put_and_close(&r, body() + 7, 450, 100), OCITAR_OK);
        check_only(&r, body() + 7, 450);
        rig_end(&r);
    }
}

/* The blob is in the archive's buffer only, and is taken back. */
static void test_load_fails(void)
{
    static rig r;

    rig_begin(&r, 65536);
    rig_spool(&r, 100, 0, 1);
    r.store.fail_load = 1;
    r.store.code = 81;
    CHECK_CODE(put(&r, body(), 450, 450), OCITAR_E_SPOOL);
    CHECK(error_is(&r, OCITAR_E_SPOOL, 81));
    CHECK(ocitar_archive_size(&r.archive) == 0);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_SPOOL);
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
    CHECK(r.store.resets == 1);
    CHECK_CODE(put_and_close(&r, body(), 450, 450), OCITAR_OK);
    check_only(&r, body(), 450);
    rig_end(&r);
}

/* The store's code is that error's, not one of the next. */
static void test_user_code_does_not_stay(void)
{
    static rig r;
    ocitar_entry bad = OCITAR_ZERO;

    rig_begin(&r, 65536);
    rig_spool(&r, 100, 0, 1);
    r.store.fail_load = 1;
    r.store.code = 85;
    CHECK_CODE(put_and_close(&r, body(), 450, 450), OCITAR_E_SPOOL);
    CHECK(error_is(&r, OCITAR_OK, 0));
    bad.size = -1;
    CHECK_CODE(ocitar_archive_header(&r.archive, &bad), OCITAR_E_RANGE);
    CHECK(error_is(&r, OCITAR_E_RANGE, 0));
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    r.wait.spool = NULL;
    CHECK_CODE(ocitar_blob_begin(&r.blob, &r.layout, 0, &r.wait),
               OCITAR_E_ARG);
    CHECK(error_is(&r, OCITAR_E_ARG, 0));
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
    check_none(&r);
    rig_end(&r);
}

/* Half of it is with the sink for good: the archive is poisoned, and says
   why. Any load may be the one. */
static void test_load_fails_too_late(void)
{
    static rig r;
    int n;

    for (n = 1; n < 6; n++) {
        rig_begin(&r, 512);
        rig_spool(&r, 1000, 0, 1);
        r.store.fail_load = n;
        r.store.code = 82;
        CHECK_CODE(put(&r, body(), 4000, 450), OCITAR_E_SPOOL);
        CHECK(error_is(&r, OCITAR_E_SPOOL, 82));
        CHECK(r.store.loads == n);
        CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_E_SPOOL);
        CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_SPOOL);
        CHECK(error_is(&r, OCITAR_E_SPOOL, 82));
        rig_end(&r);
    }
}

/* A store that cannot be emptied still has the bytes of the object before.
   If it never can, somebody must be told, with its code; and in no case may
   the next object come out with other bytes than its own. `as_file`: through
   files instead of blobs. */
static int put_twice(rig *r, int as_file, int e[4])
{
    ocitar_file file;
    int i, told = 0;

    for (i = 0; i < 2; i++) {
        if (!as_file) {
            e[2 * i] = put(r, body() + i, 450, 450);
            e[2 * i + 1] = ocitar_blob_close(&r->blob);
            continue;
        }
        e[2 * i] = ocitar_file_begin(&file, &r->layout, "f", 0, 0644,
                                     &r->spool);
        if (e[2 * i] == OCITAR_OK)
            e[2 * i] = ocitar_file_write(&file, body() + i, 450);
        if (e[2 * i] == OCITAR_OK)
            e[2 * i] = ocitar_file_close(&file);
        e[2 * i + 1] = OCITAR_OK;
        if (e[2 * i] != OCITAR_OK)
            e[2 * i + 1] = ocitar_file_abandon(&file);
    }
    for (i = 0; i < 4; i++) {
        CHECK(e[i] == OCITAR_OK || e[i] == OCITAR_E_SPOOL ||
              e[i] == OCITAR_E_STATE);
        told |= e[i] == OCITAR_E_SPOOL;
    }
    return told;
}

static void test_reset_fails(void)
{
    static rig r;
    int e[4], told, for_good, as_file;

    for (as_file = 0; as_file < 2; as_file++)
        for (for_good = 0; for_good < 2; for_good++) {
            rig_begin(&r, 4096);
            rig_spool(&r, 100, 0, 1);
            r.store.fail_reset = 1;
            r.store.broken = for_good;
            r.store.code = 83;
            told = put_twice(&r, as_file, e);
            CHECK(told || !for_good);
            if (ocitar_archive_finish(&r.archive) == OCITAR_OK &&
                e[2] == OCITAR_OK)
                CHECK(memcmp(r.sink.data + r.sink.len - 1536, body() + 1,
                             450) == 0);
            rig_end(&r);
        }
}

/* ---- one after another, and side by side ---- */

/* "for one blob or file after another": memory stays, the store is emptied. */
static void test_reuse(void)
{
    static rig r;
    static const size_t sizes[] = { 3000, 10, 0, 5000, 1, 4097, 100 };
    const size_t n = sizeof sizes / sizeof sizes[0];
    size_t i, at = 0;
    int calls = 0;

    rig_begin(&r, 1024);
    rig_spool(&r, 0, 4096, 1);
    for (i = 0; i < n; i++) {
        CHECK_CODE(put_and_close(&r, body() + i, sizes[i], 700), OCITAR_OK);
        if (i == 3)
            calls = r.heap.calls;
    }
    CHECK(r.heap.calls == calls); /* no more, since the greatest */
    CHECK(r.store.resets == 2); /* 5000 and 4097 */
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    for (i = 0; i < n; i++)
        CHECK(blob_at(&r, &at, body() + i, sizes[i]));
    CHECK(r.sink.len == at + 1024);
    rig_end(&r);
}

/* A blob, then a file, then a blob in one spool. */
static void test_reuse_by_file(void)
{
    static rig r;
    ocitar_file file;
    size_t at = 0;

    rig_begin(&r, 1024);
    rig_spool(&r, 100, 0, 1);
    CHECK_CODE(put_and_close(&r, body(), 300, 99), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &r.layout, "note", 0, 0600, &r.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, body(), 99), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, body() + 99, 200), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_OK);
    CHECK_CODE(put_and_close(&r, body() + 1, 300, 99), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(blob_at(&r, &at, body(), 300));
    CHECK(memcmp(r.sink.data + at, "note", 5) == 0);
    CHECK(memcmp(r.sink.data + at + 512, body(), 299) == 0);
    CHECK(r.sink.data[at + 512 + 299] == 0);
    at += 1024;
    CHECK(blob_at(&r, &at, body() + 1, 300));
    CHECK(r.store.resets == 3);
    rig_end(&r);
}

/* "E_BUSY: the spool or the tail is taken" - and who has it loses nothing. */
static void test_busy(void)
{
    static rig r;
    ocitar_blob second;
    ocitar_file file;
    size_t at = 0;

    rig_begin(&r, 1024);
    rig_spool(&r, 1000, 0, 0);
    CHECK_CODE(ocitar_blob_begin(&r.blob, &r.layout, 0, &r.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body(), 500), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&second, &r.layout, 0, &r.wait),
               OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_write(&second, body(), 1), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&second), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &r.layout, "f", 0, 0644, &r.spool),
               OCITAR_E_BUSY);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body() + 500, 500), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&r.blob, 1000, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&second, &r.layout, 0, &r.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&second, body() + 1, 20), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&second, 20, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&second), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(blob_at(&r, &at, body(), 1000) && blob_at(&r, &at, body() + 1, 20));
    rig_end(&r);
}

/* "SPOOL writers may be open side by side, each with a spool of its own." */
static void test_side_by_side(void)
{
    static rig r;
    static unsigned char more[3][64];
    ocitar_spool spools[3];
    ocitar_blob blobs[3];
    size_t i, n, at = 0;

    rig_begin(&r, 1024);
    for (i = 0; i < 3; i++) {
        CHECK_CODE(ocitar_spool_begin_buffer(&spools[i], more[i], 64),
                   OCITAR_OK);
        r.wait.spool = &spools[i];
        CHECK_CODE(ocitar_blob_begin(&blobs[i], &r.layout, 0, &r.wait),
                   OCITAR_OK);
    }
    for (n = 0; n < 60; n++)
        for (i = 0; i < 3; i++)
            CHECK_CODE(ocitar_blob_write(&blobs[i], body() + i * 100 + n, 1),
                       OCITAR_OK);
    for (i = 3; i-- > 0;)
        CHECK_CODE(ocitar_blob_commit(&blobs[i], 60, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    for (i = 3; i-- > 0;)
        CHECK(blob_at(&r, &at, body() + i * 100, 60));
    rig_end(&r);
}

/* A sink that fails while a spool is sent: the store was all right. */
static void test_sink_fails(void)
{
    static rig r;
    int n;

    for (n = 1; n < 8; n++) {
        rig_begin(&r, 512);
        rig_spool(&r, 1000, 0, 1);
        r.sink.fail_at = n;
        r.sink.code = 28;
        CHECK_CODE(put(&r, body(), 4000, 450), OCITAR_E_SINK);
        CHECK(error_is(&r, OCITAR_E_SINK, 28));
        CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_E_SINK);
        CHECK(r.store.resets == 1 && r.sink.calls == n);
        CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_SINK);
        rig_end(&r);
    }
}

/* What was given up before its commit has not touched the archive. */
static void test_abandoned(void)
{
    static rig r;

    rig_begin(&r, 512);
    rig_spool(&r, 0, 2048, 1);
    CHECK_CODE(ocitar_blob_begin(&r.blob, &r.layout, 0, &r.wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&r.blob, body(), 9000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&r.blob), OCITAR_OK);
    CHECK(r.store.resets == 1 && r.store.loads == 0 && r.sink.calls == 0);
    check_none(&r);
    rig_end(&r);
}

int main(void)
{
    test_begin_arguments();
    test_begin_without_room();
    test_no_spool();
    test_exact_fit();
    test_one_too_many();
    test_limit_tells_sizes();
    test_empty_blob();
    test_buffer_before_heap();
    test_growth();
    test_memory_limit();
    test_heap_fails();
    test_heap_fails_before_store();
    test_spill();
    test_memory_first();
    test_append_fails();
    test_load_fails();
    test_user_code_does_not_stay();
    test_load_fails_too_late();
    test_reset_fails();
    test_reuse();
    test_reuse_by_file();
    test_busy();
    test_side_by_side();
    test_sink_fails();
    test_abandoned();
    return check_done();
}
