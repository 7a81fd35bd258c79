/* test_archive - entries on a sink: pieces, states, errors, hook, abandon. */

#include "ocitar.h"
#include "check.h"

/* A sink in memory that can be patched, and sees how it is called. The call
   whose number is `fail_at` (from 1, of all three functions) fails. */
typedef struct tape {
    unsigned char *data;
    size_t len, capacity;
    int calls, fail_at, code;
    int puts, empty, after; /* after: calls behind the failure */
    size_t piece;
    int ragged; /* puts that began off a multiple of `piece` */
    const void *last; /* what the last put was called with */
} tape;

static int tape_call(tape *t)
{
    t->calls++;
    t->after += t->fail_at > 0 && t->calls > t->fail_at;
    return t->calls == t->fail_at ? t->code : 0;
}

static int tape_put(void *user, const void *data, size_t len)
{
    tape *t = (tape *)user;
    int code = tape_call(t);

    if (code != 0)
        return code;
    t->puts++;
    t->last = data;
    t->empty += len == 0;
    t->ragged += t->piece > 0 && t->len % t->piece != 0;
    if (t->len + len > t->capacity) {
        t->capacity = 2 * (t->len + len);
        t->data = (unsigned char *)realloc(t->data, t->capacity);
        if (t->data == NULL)
            abort();
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    return 0;
}

static int tape_put_at(void *user, uint64_t offset, const void *data,
                       size_t len)
{
    tape *t = (tape *)user;
    int code = tape_call(t);

    if (code != 0)
        return code;
    if (offset + len > t->len) {
        t->empty += 100; /* beyond the end: wrong */
        return 0;
    }
    memcpy(t->data + offset, data, len);
    return 0;
}

static int tape_truncate(void *user, uint64_t offset)
{
    tape *t = (tape *)user;
    int code = tape_call(t);

    if (code != 0)
        return code;
    t->empty += offset > t->len ? 100 : 0;
    t->len = (size_t)offset;
    return 0;
}

static void tape_free(tape *t)
{
    free(t->data);
    memset(t, 0, sizeof *t);
}

enum { PUT_ONLY, PATCHABLE, DRY };

/* An archive on a tape, with a buffer of its own. */
typedef struct rig {
    tape tape;
    ocitar_archive archive;
    ocitar_archive_desc desc;
    unsigned char buffer[65536];
} rig;

static void rig_begin(rig *r, size_t buffer_size, int kind)
{
    memset(&r->tape, 0, sizeof r->tape);
    memset(&r->desc, 0, sizeof r->desc);
    memset(&r->archive, 0xff, sizeof r->archive);
    r->desc.buffer = r->buffer;
    r->desc.buffer_size = buffer_size;
    r->desc.sink.user = &r->tape;
    if (kind != DRY)
        r->desc.sink.put_fn = tape_put;
    if (kind == PATCHABLE) {
        r->desc.sink.put_at_fn = tape_put_at;
        r->desc.sink.truncate_fn = tape_truncate;
    }
    CHECK_CODE(ocitar_archive_begin(&r->archive, &r->desc), OCITAR_OK);
}

static void rig_end(rig *r)
{
    CHECK(r->tape.empty == 0); /* put_fn is never called with 0 bytes */
    tape_free(&r->tape);
}

static ocitar_entry entry_of(const char *name, int64_t size)
{
    ocitar_entry e;

    memset(&e, 0, sizeof e);
    e.name = name;
    e.size = size;
    e.mode = 0644;
    return e;
}

/* What errors leave in ocitar_archive_error. */
static int error_is(const ocitar_archive *a, int code, int user_code)
{
    const ocitar_error *e = ocitar_archive_error(a);

    if (e->code != code || e->user_code != user_code)
        printf("%s, code %d\n", ocitar_error_name(e->code), e->user_code);
    return e->code == code && e->user_code == user_code;
}

/* ---- a sample, and what it must give ---- */

static const int64_t sizes[] = { 0, 1, 511, 512, 513, 1500, 70000, 1024, 3 };

enum { SIZES = (int)(sizeof sizes / sizeof sizes[0]), GREATEST = 70000 };

static const unsigned char *body(void)
{
    static unsigned char data[GREATEST];
    size_t i;

    for (i = data[1] == 0 ? 0 : sizeof data; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 31 + i / 256);
    return data;
}

static ocitar_entry sample(int i)
{
    static const char name[] = "caf\xc3\xa9/0123456789";
    ocitar_entry e = entry_of(name, sizes[i]);

    e.name_len = (size_t)(i % 2 ? 14 : 3); /* every other one needs pax */
    return e;
}

/* The bytes of the sample, put together from the encoder's blocks, the body
   and zeros: POSIX's layout of an archive. */
static size_t expected(unsigned char *out)
{
    unsigned char block[512];
    ocitar_encoder enc;
    size_t at = 0;
    int i;

    for (i = 0; i < SIZES; i++) {
        ocitar_entry e = sample(i);

        CHECK_CODE(ocitar_encoder_begin(&enc, &e), OCITAR_OK);
        for (; ocitar_encoder_next(&enc, block); at += 512)
            memcpy(out + at, block, 512);
        memcpy(out + at, body(), (size_t)sizes[i]);
        at += (size_t)sizes[i];
        while (at % 512 != 0)
            out[at++] = 0;
    }
    memset(out + at, 0, 1024);
    return at + 1024;
}

/* Writes the sample's bodies in chunks; the first error is returned. */
static int write_sample(ocitar_archive *a, size_t chunk)
{
    int i, e = OCITAR_OK;

    for (i = 0; e == OCITAR_OK && i < SIZES; i++) {
        ocitar_entry entry = sample(i);
        size_t at = 0, left = (size_t)sizes[i];

        e = ocitar_archive_header(a, &entry);
        for (; e == OCITAR_OK && left > 0; at += chunk) {
            size_t n = left < chunk ? left : chunk;

            e = ocitar_archive_write(a, body() + at, n);
            left -= n;
        }
    }
    return e;
}

static unsigned char want[131072];

/* Whatever the chunks, the bytes are the same, and they leave in pieces that
   begin at multiples of the buffer's size (down to a power of two). */
static void test_pieces(void)
{
    static rig r;
    static const size_t buffers[] = { 512, 1000, 1023, 1024, 4096, 65535,
                                      65536 };
    static const size_t pieces[] = { 512, 512, 512, 1024, 4096, 32768,
                                     65536 };
    static const size_t chunks[] = { 7, 511, 512, 513, 1024, 4097, 70000 };
    size_t b, c, len = expected(want);

    for (b = 0; b < sizeof buffers / sizeof buffers[0]; b++) {
        for (c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            rig_begin(&r, buffers[b], PUT_ONLY);
            r.tape.piece = pieces[b];
            CHECK_CODE(write_sample(&r.archive, chunks[c]), OCITAR_OK);
            CHECK(r.tape.len % pieces[b] == 0);
            CHECK(ocitar_archive_size(&r.archive) - r.tape.len < pieces[b]);
            CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
            CHECK(r.tape.ragged == 0);
            CHECK(r.tape.len == len && memcmp(r.tape.data, want, len) == 0);
            CHECK(ocitar_archive_size(&r.archive) == len);
            rig_end(&r);
        }
    }
}

/* What is a whole piece already is not copied: one put takes it. */
static void test_large_writes_pass(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 60 * 1024), one = entry_of("g", 1024);

    rig_begin(&r, 1024, PUT_ONLY);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 60 * 1024),
               OCITAR_OK);
    CHECK(r.tape.puts == 2); /* head and 512 bytes, 59 KiB; 512 wait */
    CHECK(r.tape.len == 60 * 1024 && r.tape.last == body() + 512);
    CHECK_CODE(ocitar_archive_header(&r.archive, &one), OCITAR_OK);
    CHECK(r.tape.len == 61 * 1024); /* the buffer is empty: exactly one */
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 1024), OCITAR_OK);
    CHECK(r.tape.len == 62 * 1024 && r.tape.last == body());
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(memcmp(r.tape.data + 512, body(), 60 * 1024) == 0);
    rig_end(&r);
}

/* After a flush in the middle, pieces are aligned again. */
static void test_flush(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 10000);
    size_t len;

    rig_begin(&r, 4096, PUT_ONLY);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK(r.tape.calls == 0); /* nothing to give */
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 100), OCITAR_OK);
    CHECK(r.tape.calls == 0);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 612 && r.tape.puts == 1);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK(r.tape.puts == 1);
    CHECK_CODE(ocitar_archive_write(&r.archive, body() + 100, 3483),
               OCITAR_OK);
    CHECK(r.tape.len == 612); /* one byte is missing */
    CHECK_CODE(ocitar_archive_write(&r.archive, body() + 3583, 1), OCITAR_OK);
    CHECK(r.tape.len == 4096 && r.tape.puts == 2);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, body() + 3584, 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 4097);
    CHECK_CODE(ocitar_archive_write(&r.archive, body() + 3585, 6415),
               OCITAR_OK);
    len = r.tape.len;
    CHECK(len == 8192);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 512 + 10240 + 1024);
    CHECK(memcmp(r.tape.data + 512, body(), 10000) == 0);
    rig_end(&r);
}

static void test_empty_archive(void)
{
    static rig r;
    static const unsigned char zeros[1024];

    rig_begin(&r, 512, PUT_ONLY);
    CHECK(ocitar_archive_size(&r.archive) == 0);
    CHECK(error_is(&r.archive, OCITAR_OK, 0));
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 1024 && memcmp(r.tape.data, zeros, 1024) == 0);
    CHECK(ocitar_archive_size(&r.archive) == 1024);
    rig_end(&r);
}

/* Types '1' to '6' and 'g' have no body, whatever their size says. */
static void test_no_body(void)
{
    static rig r;
    const char *types = "123456";
    size_t i;

    rig_begin(&r, 512, PUT_ONLY);
    for (i = 0; types[i] != 0; i++) {
        ocitar_entry e = entry_of("x", 100);

        e.typeflag = types[i];
        CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
        CHECK(ocitar_archive_size(&r.archive) == 512 * (i + 1));
    }
    {
        ocitar_entry g = entry_of("g", 0);

        g.typeflag = 'g';
        g.mode = 0;
        CHECK_CODE(ocitar_archive_header(&r.archive, &g), OCITAR_OK);
    }
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 7 * 512 + 1024);
    rig_end(&r);
}

/* Type '7' and those nobody knows have one. */
static void test_other_bodies(void)
{
    static rig r;
    ocitar_entry e = entry_of("x", 5);

    rig_begin(&r, 512, PUT_ONLY);
    e.typeflag = '7';
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_write(&r.archive, "12345", 5), OCITAR_OK);
    e.typeflag = 'A';
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "12345", 5), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 4 * 512 + 1024);
    rig_end(&r);
}

/* ---- arguments and states ---- */

static int begin_code(void *buffer, size_t size, int at, int truncate)
{
    ocitar_archive a;
    ocitar_archive_desc desc = OCITAR_ZERO;
    int e;

    memset(&a, 0xff, sizeof a);
    desc.buffer = buffer;
    desc.buffer_size = size;
    desc.sink.put_fn = tape_put;
    desc.sink.put_at_fn = at ? tape_put_at : NULL;
    desc.sink.truncate_fn = truncate ? tape_truncate : NULL;
    e = ocitar_archive_begin(&a, &desc);
    if (e != OCITAR_OK) { /* it sticks, as any other error */
        CHECK_CODE(ocitar_archive_flush(&a), OCITAR_E_ARG);
        CHECK_CODE(ocitar_archive_finish(&a), OCITAR_E_ARG);
        CHECK_CODE(ocitar_archive_error(&a)->code, OCITAR_E_ARG);
        CHECK(ocitar_archive_error(&a)->subject != NULL);
    }
    return e;
}

static void test_begin_arguments(void)
{
    static unsigned char buffer[1024];
    ocitar_archive a;
    ocitar_archive_desc desc = OCITAR_ZERO;

    CHECK_CODE(begin_code(buffer, 512, 0, 0), OCITAR_OK);
    CHECK_CODE(begin_code(buffer, 512, 1, 1), OCITAR_OK);
    CHECK_CODE(begin_code(buffer, 512, 1, 0), OCITAR_E_ARG);
    CHECK_CODE(begin_code(buffer, 512, 0, 1), OCITAR_E_ARG);
    CHECK_CODE(begin_code(buffer, 511, 0, 0), OCITAR_E_ARG);
    CHECK_CODE(begin_code(buffer, 0, 0, 0), OCITAR_E_ARG);
    CHECK_CODE(begin_code(NULL, 512, 0, 0), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_begin(NULL, &desc), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_begin(&a, NULL), OCITAR_E_ARG);
}

static void test_null_arguments(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 1);

    CHECK_CODE(ocitar_archive_header(NULL, &e), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_write(NULL, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_flush(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_abandon(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_finish(NULL), OCITAR_E_ARG);
    CHECK(ocitar_archive_size(NULL) == 0);
    CHECK(ocitar_archive_error(NULL) != NULL); /* never NULL */
    CHECK_CODE(ocitar_archive_error(NULL)->code, OCITAR_E_ARG);
    rig_begin(&r, 512, PUT_ONLY);
    CHECK_CODE(ocitar_archive_header(&r.archive, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_write(&r.archive, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_write(&r.archive, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 1024 + 1024);
    rig_end(&r);
}

static void test_zeroed(void)
{
    ocitar_archive a;
    ocitar_entry e = entry_of("f", 0);

    memset(&a, 0, sizeof a);
    CHECK_CODE(ocitar_archive_header(&a, &e), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&a, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&a, "x", 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_flush(&a), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_abandon(&a), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&a), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&a) == 0);
    CHECK(ocitar_archive_error(&a) != NULL);
}

/* "Once it has returned OCITAR_OK it does so again, and everything else
   returns OCITAR_E_STATE." */
static void test_after_finish(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 0);

    rig_begin(&r, 512, PATCHABLE);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&r.archive, NULL, 0), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(error_is(&r.archive, OCITAR_OK, 0));
    CHECK(r.tape.len == 1024);
    rig_end(&r);
}

/* finish with an entry open is refused, not an end: it can be completed. */
static void test_finish_too_early(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 3);

    rig_begin(&r, 512, PUT_ONLY);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_STATE);
    CHECK(error_is(&r.archive, OCITAR_E_STATE, 0));
    CHECK(ocitar_archive_error(&r.archive)->subject != NULL);
    CHECK_CODE(ocitar_archive_write(&r.archive, "ab", 2), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&r.archive, "c", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(error_is(&r.archive, OCITAR_OK, 0));
    CHECK(r.tape.len == 2048 && memcmp(r.tape.data + 512, "abc", 4) == 0);
    rig_end(&r);
}

/* An entry whose head is out but not its bytes: E_BUSY, and nothing sticks,
   nothing is written, the hook does not hear of it. */
static int count_hook(void *user, ocitar_entry *entry)
{
    (void)entry;
    ++*(int *)user;
    return 0;
}

static void test_busy(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 2);
    int seen = 0;

    rig_begin(&r, 1024, PUT_ONLY);
    r.desc.hook_fn = count_hook;
    r.desc.hook_user = &seen;
    CHECK_CODE(ocitar_archive_begin(&r.archive, &r.desc), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_BUSY);
    CHECK(ocitar_archive_size(&r.archive) == 512 && seen == 1);
    CHECK_CODE(ocitar_archive_write(&r.archive, "a", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_write(&r.archive, "b", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK(seen == 2);
    CHECK_CODE(ocitar_archive_write(&r.archive, "cd", 2), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 4 * 512 + 1024);
    rig_end(&r);
}

/* "more than the entry's size; nothing is written", and it sticks until the
   entry is abandoned. */
static void test_too_many_bytes(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 10);
    const ocitar_error *why = ocitar_archive_error(&r.archive);

    rig_begin(&r, 1024, PUT_ONLY);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 11), OCITAR_E_SIZE);
    CHECK(error_is(&r.archive, OCITAR_E_SIZE, 0));
    CHECK(why->expected_size == 10 && why->actual_size == 11);
    CHECK(ocitar_archive_size(&r.archive) == 512);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 1), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_SIZE);
    CHECK(why->expected_size == 10 && why->actual_size == 11);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK(error_is(&r.archive, OCITAR_OK, 0));
    CHECK(why->expected_size == 0 && why->actual_size == 0);
    CHECK(ocitar_archive_size(&r.archive) == 0);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 1024);
    rig_end(&r);
}

/* Bytes after the last, or before any entry. What is complete stays. */
static void test_bytes_without_entry(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 1);
    const ocitar_error *why = ocitar_archive_error(&r.archive);

    rig_begin(&r, 1024, PUT_ONLY);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_E_SIZE);
    CHECK(why->expected_size == 0 && why->actual_size == 1);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "yz", 2), OCITAR_E_SIZE);
    CHECK(why->expected_size == 0 && why->actual_size == 2);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == 1024);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 2048 && r.tape.data[512] == 'x');
    rig_end(&r);
}

/* Errors of the encoder stick until they are forgiven, with nothing
   written; then the archive goes on. */
static void test_refused_header(void)
{
    static rig r;
    ocitar_entry bad = entry_of("f/", 0), good = entry_of("g", 0);

    rig_begin(&r, 1024, PUT_ONLY);
    bad.typeflag = '0';
    CHECK_CODE(ocitar_archive_header(&r.archive, &bad), OCITAR_E_NAME);
    CHECK(error_is(&r.archive, OCITAR_E_NAME, 0));
    CHECK_CODE(ocitar_archive_header(&r.archive, &good), OCITAR_E_NAME);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_E_NAME);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_NAME);
    CHECK(ocitar_archive_size(&r.archive) == 0 && r.tape.calls == 0);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    bad = entry_of("f", -1);
    CHECK_CODE(ocitar_archive_header(&r.archive, &bad), OCITAR_E_RANGE);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    bad = entry_of("f", 0);
    bad.format = 9;
    CHECK_CODE(ocitar_archive_header(&r.archive, &bad), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &good), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 512 + 1024);
    rig_end(&r);
}

/* ---- a sink that fails ---- */

/* "A fault of the sink poisons the archive": the first one stays, with its
   user_code, whatever is tried, and the sink is not called again. */
static void check_poisoned(rig *r, int code)
{
    ocitar_entry e = entry_of("late", 0);

    CHECK(error_is(&r->archive, OCITAR_E_SINK, code));
    CHECK_CODE(ocitar_archive_header(&r->archive, &e), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_write(&r->archive, "x", 1), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_flush(&r->archive), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_abandon(&r->archive), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_finish(&r->archive), OCITAR_E_SINK);
    CHECK_CODE(ocitar_archive_finish(&r->archive), OCITAR_E_SINK);
    CHECK(error_is(&r->archive, OCITAR_E_SINK, code));
    CHECK(r->tape.after == 0);
}

static void test_sink_fails(void)
{
    static rig r;
    static const size_t buffers[] = { 512, 4096, 65536 };
    size_t b;
    int n, e;

    for (b = 0; b < 3; b++) {
        for (n = 1, e = 1; e != OCITAR_OK; n++) {
            rig_begin(&r, buffers[b], b == 1 ? PATCHABLE : PUT_ONLY);
            r.tape.fail_at = n;
            r.tape.code = n % 2 ? n : -n;
            e = write_sample(&r.archive, 3000);
            if (e == OCITAR_OK)
                e = ocitar_archive_finish(&r.archive);
            if (e != OCITAR_OK) {
                CHECK_CODE(e, OCITAR_E_SINK);
                check_poisoned(&r, r.tape.code);
                CHECK(r.tape.calls == n);
            }
            rig_end(&r);
        }
        CHECK(n > 2);
    }
}

static void test_flush_fails(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 0);

    rig_begin(&r, 4096, PUT_ONLY);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    r.tape.fail_at = 1;
    r.tape.code = 32;
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_E_SINK);
    check_poisoned(&r, 32);
    rig_end(&r);
}

/* An error that is already there gives way to the sink's: that is for good,
   and what finish must say. */
static void test_truncate_fails(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 5000);

    rig_begin(&r, 512, PATCHABLE);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK(r.tape.calls == 1);
    r.tape.fail_at = 2;
    r.tape.code = 29;
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_E_SINK);
    check_poisoned(&r, 29);
    rig_end(&r);
}

/* The placeholder of a blob in the PATCH way is overwritten at its commit. */
static void test_put_at_fails(void)
{
    static rig r;
    ocitar_layout layout;
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_blob blob;

    rig_begin(&r, 512, PATCHABLE);
    wait.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_layout_begin(&layout, &r.archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &layout, 0, &wait), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, body(), 1024), OCITAR_OK);
    CHECK(r.tape.calls > 0);
    r.tape.fail_at = r.tape.calls + 1;
    r.tape.code = 30;
    CHECK_CODE(ocitar_blob_commit(&blob, 1024, NULL), OCITAR_E_SINK);
    check_poisoned(&r, 30);
    CHECK_CODE(ocitar_blob_close(&blob), OCITAR_E_SINK);
    rig_end(&r);
}

/* A head that is still in the buffer is patched there, also when it is the
   first thing in it; what is with the sink, with put_at. */
static void test_patch_in_place(void)
{
    static rig r;
    ocitar_layout layout;
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_blob blob;
    int flushed;

    wait.way = OCITAR_WAIT_PATCH;
    for (flushed = 0; flushed < 2; flushed++) {
        rig_begin(&r, 4096, PATCHABLE);
        CHECK_CODE(ocitar_layout_begin(&layout, &r.archive, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_begin(&blob, &layout, 0, &wait), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&blob, "abc", 3), OCITAR_OK);
        if (flushed)
            CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&blob, 3, NULL), OCITAR_OK);
        CHECK(r.tape.calls == 2 * flushed); /* the put, and the put_at */
        CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
        CHECK(r.tape.len == 1024 + 1024);
        CHECK(memcmp(r.tape.data, "blobs/sha256/ba7816bf", 21) == 0);
        CHECK(memcmp(r.tape.data + 124, "00000000003", 12) == 0);
        CHECK(memcmp(r.tape.data + 512, "abc", 4) == 0);
        rig_end(&r);
    }
}

/* While a blob owns the tail, everybody else is told to wait. */
static void test_tail_is_taken(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 1);
    ocitar_layout layout;
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_blob blob;

    rig_begin(&r, 512, PATCHABLE);
    wait.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_layout_begin(&layout, &r.archive, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&blob, &layout, 0, &wait), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&blob, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&blob, 3, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 4 * 512 + 1024);
    CHECK(memcmp(r.tape.data + 124, "00000000003", 12) == 0);
    CHECK(memcmp(r.tape.data, "blobs/sha256/ba7816bf", 21) == 0);
    rig_end(&r);
}

/* ---- the hook ---- */

typedef struct hook {
    int calls, code;
    int what; /* it changes, 0: nothing */
    ocitar_entry seen;
} hook;

static int hook_call(void *user, ocitar_entry *e)
{
    static char copy[8];
    hook *h = (hook *)user;

    h->calls++;
    h->seen = *e;
    switch (h->what) {
    case 'm': /* metadata */
        e->mtime.set = 1;
        e->mtime.seconds = 86400;
        e->uid = 5;
        e->gid = 6;
        e->mode = 0600;
        e->uname = "who";
        break;
    case 'p': /* what needs pax */
        e->uid = INT64_C(1) << 40;
        break;
    case 'n':
        e->name = "other";
        break;
    case 'l':
        e->name_len = 1;
        break;
    case 'c': /* the same name, elsewhere */
        strcpy(copy, "name");
        e->name = copy;
        e->name_len = 4;
        break;
    case 's':
        e->size++;
        break;
    case 't':
        e->typeflag = '7';
        break;
    case 'b': /* what no entry can have */
        e->mode = -1;
        break;
    default:
        break;
    }
    return h->code;
}

static void hooked_begin(rig *r, hook *h)
{
    memset(h, 0, sizeof *h);
    rig_begin(r, 512, PUT_ONLY);
    r->desc.hook_fn = hook_call;
    r->desc.hook_user = h;
    CHECK_CODE(ocitar_archive_begin(&r->archive, &r->desc), OCITAR_OK);
}

static void test_hook_changes(void)
{
    static rig r;
    ocitar_entry e = entry_of("name", 2);
    hook h;

    hooked_begin(&r, &h);
    e.typeflag = '0';
    h.what = 'm';
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK(h.calls == 1 && h.seen.name == e.name && h.seen.size == 2);
    CHECK(h.seen.mode == 0644 && h.seen.typeflag == '0');
    CHECK(e.mode == 0644 && e.uid == 0 && !e.mtime.set); /* not the caller's */
    CHECK_CODE(ocitar_archive_write(&r.archive, "ab", 2), OCITAR_OK);
    CHECK(h.calls == 1);
    h.what = 'p';
    e.size = 0;
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    h.what = 'c';
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(h.calls == 3 && r.tape.len == 1024 + 1536 + 512 + 1024);
    CHECK(memcmp(r.tape.data + 100, "0000600", 8) == 0);
    CHECK(memcmp(r.tape.data + 108, "0000005", 8) == 0);
    CHECK(memcmp(r.tape.data + 116, "0000006", 8) == 0);
    CHECK(memcmp(r.tape.data + 124, "00000000002", 12) == 0);
    CHECK(memcmp(r.tape.data + 136, "00000250600", 12) == 0);
    CHECK(memcmp(r.tape.data + 265, "who", 4) == 0);
    CHECK(memcmp(r.tape.data + 1024 + 512, "21 uid=1099511627776\n", 21) ==
          0);
    rig_end(&r);
}

/* "or refuse it with a code of its own: OCITAR_E_HOOK"; "nothing is written,
   the error sticks until _abandon". */
static void test_hook_refuses(void)
{
    static rig r;
    ocitar_entry e = entry_of("name", 2);
    hook h;

    hooked_begin(&r, &h);
    h.code = -42;
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_HOOK);
    CHECK(error_is(&r.archive, OCITAR_E_HOOK, -42));
    CHECK(ocitar_archive_size(&r.archive) == 0);
    h.code = 0;
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_HOOK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "ab", 2), OCITAR_E_HOOK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_HOOK);
    CHECK(h.calls == 1 && r.tape.calls == 0);
    CHECK(error_is(&r.archive, OCITAR_E_HOOK, -42));
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK(error_is(&r.archive, OCITAR_OK, 0));
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "ab", 2), OCITAR_OK);
    h.code = 7; /* an entry before stays when the next is forgiven */
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_HOOK);
    CHECK(error_is(&r.archive, OCITAR_E_HOOK, 7));
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 1024 + 1024);
    rig_end(&r);
}

/* "may change its metadata but not name, typeflag or size" */
static void test_hook_oversteps(void)
{
    static rig r;
    const char *what = "nlst";
    ocitar_entry e = entry_of("name", 2);
    hook h;
    size_t i;

    for (i = 0; what[i] != 0; i++) {
        hooked_begin(&r, &h);
        h.what = what[i];
        CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_HOOK);
        CHECK(error_is(&r.archive, OCITAR_E_HOOK, 0));
        CHECK(ocitar_archive_size(&r.archive) == 0);
        CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
        h.what = 0;
        CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
        rig_end(&r);
    }
    hooked_begin(&r, &h);
    h.what = 'b';
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_RANGE);
    CHECK(error_is(&r.archive, OCITAR_E_RANGE, 0));
    CHECK(ocitar_archive_size(&r.archive) == 0);
    rig_end(&r);
}

/* ---- abandon ---- */

/* Writes an entry and half of another, of `size` bytes; abandons that. */
static int abandon_second(rig *r, int64_t size)
{
    ocitar_entry first = entry_of("first", 3), second = entry_of("2", size);

    CHECK_CODE(ocitar_archive_header(&r->archive, &first), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r->archive, "abc", 3), OCITAR_OK);
    CHECK_CODE(ocitar_archive_header(&r->archive, &second), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r->archive, body(), (size_t)size / 2),
               OCITAR_OK);
    return ocitar_archive_abandon(&r->archive);
}

/* And then a third: only the first and it are there. */
static void check_third(rig *r)
{
    ocitar_entry third = entry_of("third", 4);

    CHECK(error_is(&r->archive, OCITAR_OK, 0));
    CHECK(ocitar_archive_size(&r->archive) == 1024);
    CHECK_CODE(ocitar_archive_header(&r->archive, &third), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r->archive, "wxyz", 4), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r->archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&r->archive) == 3072);
}

static void check_third_bytes(const rig *r)
{
    static const unsigned char zeros[1024];
    const unsigned char *d = r->tape.data;

    CHECK(r->tape.len == 3072);
    CHECK(memcmp(d, "first", 6) == 0 && memcmp(d + 512, "abc", 4) == 0);
    CHECK(memcmp(d + 1024, "third", 6) == 0);
    CHECK(memcmp(d + 1536, "wxyz", 4) == 0);
    CHECK(memcmp(d + 1540, zeros, 508) == 0); /* nothing of the second */
    CHECK(memcmp(d + 2048, zeros, 1024) == 0);
}

static void test_abandon_buffered(void)
{
    static rig r;

    rig_begin(&r, 65536, PUT_ONLY);
    CHECK_CODE(abandon_second(&r, 4000), OCITAR_OK);
    CHECK(r.tape.calls == 0);
    check_third(&r);
    check_third_bytes(&r);
    rig_end(&r);
}

/* The first is with the sink, the second still in the buffer, exactly. */
static void test_abandon_at_the_edge(void)
{
    static rig r;

    rig_begin(&r, 1024, PUT_ONLY);
    CHECK_CODE(abandon_second(&r, 1023), OCITAR_OK);
    CHECK(r.tape.len == 1024);
    check_third(&r);
    check_third_bytes(&r);
    rig_end(&r);
}

static void test_abandon_truncates(void)
{
    static rig r;
    static const size_t buffers[] = { 512, 1024, 2048, 4096 };
    size_t b;

    for (b = 0; b < 4; b++) {
        rig_begin(&r, buffers[b], PATCHABLE);
        CHECK_CODE(abandon_second(&r, 60000), OCITAR_OK);
        CHECK(r.tape.len == 1024);
        check_third(&r);
        check_third_bytes(&r);
        rig_end(&r);
    }
}

/* "If bytes of it went out for good the archive is poisoned" */
static void test_abandon_too_late(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 0);

    rig_begin(&r, 512, PUT_ONLY);
    CHECK_CODE(abandon_second(&r, 1200), OCITAR_E_STATE);
    CHECK(error_is(&r.archive, OCITAR_E_STATE, 0));
    r.tape.fail_at = r.tape.calls; /* counts what comes after this */
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_flush(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_STATE);
    CHECK(r.tape.after == 0);
    rig_end(&r);
}

/* What the abandoned entry still lacked is not to be written any more. */
static void test_no_bytes_after_abandon(void)
{
    static rig r;
    const ocitar_error *why = ocitar_archive_error(&r.archive);

    rig_begin(&r, 65536, PUT_ONLY);
    CHECK_CODE(abandon_second(&r, 4000), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 1), OCITAR_E_SIZE);
    CHECK(why->expected_size == 0 && why->actual_size == 1);
    CHECK(ocitar_archive_size(&r.archive) == 1024);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    check_third(&r);
    check_third_bytes(&r);
    rig_end(&r);
}

static void test_abandon_nothing(void)
{
    static rig r;

    rig_begin(&r, 512, PUT_ONLY);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 1024);
    rig_end(&r);
}

/* A complete entry is not taken back. */
static void test_abandon_complete(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", 1);

    rig_begin(&r, 4096, PATCHABLE);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK_CODE(ocitar_archive_write(&r.archive, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == 1024);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(r.tape.len == 2048);
    rig_end(&r);
}

/* ---- dry runs ---- */

/* "without put_fn: a dry run that only counts" */
static void test_dry_run(void)
{
    static rig r;
    size_t len = expected(want);

    rig_begin(&r, 512, DRY);
    CHECK_CODE(write_sample(&r.archive, 1000), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == len - 1024);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == len);
    rig_end(&r);
    rig_begin(&r, 512, DRY); /* with the two others: still dry */
    r.desc.sink.put_at_fn = tape_put_at;
    r.desc.sink.truncate_fn = tape_truncate;
    CHECK_CODE(ocitar_archive_begin(&r.archive, &r.desc), OCITAR_OK);
    CHECK_CODE(abandon_second(&r, 60000), OCITAR_OK);
    check_third(&r);
    CHECK(r.tape.calls == 0);
    rig_end(&r);
}

/* A dry run takes back what it counted, as a patchable sink does. */
static void test_dry_abandon(void)
{
    static rig r;

    rig_begin(&r, 512, DRY);
    CHECK_CODE(abandon_second(&r, 60000), OCITAR_OK);
    check_third(&r);
    rig_end(&r);
}

/* "Sizes to 2^63-1 bytes": the head of such an entry, and taking it back. */
static void test_greatest_size(void)
{
    static rig r;
    ocitar_entry e = entry_of("f", INT64_MAX);

    rig_begin(&r, 512, DRY);
    CHECK_CODE(ocitar_archive_header(&r.archive, &e), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == 1536);
    CHECK_CODE(ocitar_archive_write(&r.archive, body(), 70000), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == 71536);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_abandon(&r.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&r.archive) == 0);
    CHECK_CODE(ocitar_archive_finish(&r.archive), OCITAR_OK);
    rig_end(&r);
}

int main(void)
{
    (void)check_put;
    test_pieces();
    test_large_writes_pass();
    test_flush();
    test_empty_archive();
    test_no_body();
    test_other_bodies();
    test_begin_arguments();
    test_null_arguments();
    test_zeroed();
    test_after_finish();
    test_finish_too_early();
    test_busy();
    test_too_many_bytes();
    test_bytes_without_entry();
    test_refused_header();
    test_sink_fails();
    test_flush_fails();
    test_truncate_fails();
    test_put_at_fails();
    test_patch_in_place();
    test_tail_is_taken();
    test_hook_changes();
    test_hook_refuses();
    test_hook_oversteps();
    test_abandon_buffered();
    test_abandon_at_the_edge();
    test_abandon_truncates();
    test_abandon_too_late();
    test_no_bytes_after_abandon();
    test_abandon_nothing();
    test_abandon_complete();
    test_dry_run();
    test_dry_abandon();
    test_greatest_size();
    return check_done();
}
