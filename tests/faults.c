/* faults.c - every way a blob can wait, times every mismatch, times every
   fault that can meet it.

   Each case writes the same small archive: directories, a blob from memory,
   the blob under test, a file. It is played once in peace to count the calls
   of each callback, and then once for each of them, with that call failing.
   Whatever happens, the first error is kept, nothing is called after the sink
   failed, nothing that looks finished is left, and a fresh archive works. */

#include "ocitar.h"

#include "check.h"

enum way {
    MEMORY, SPOOL_FIXED, SPOOL_HEAP, SPOOL_FILE, SPOOL_SPILL, PATCH, KNOWN,
    TWICE, REHEARSE, WAYS
};
enum mismatch { NONE, SIZE, DIGEST, BOTH, LONGER, SHORTER, FLIPPED, MISMATCHES };
enum fault {
    NO_FAULT, PUT, PUT_AT, TRUNCATE, ALLOCATE, APPEND, LOAD, RESET, GET,
    REWIND, FAULTS
};

static const char *const way_names[WAYS] = {
    "memory", "spool fixed", "spool heap", "spool file", "spool spill",
    "patch", "known", "twice", "rehearse"
};
static const char *const mismatch_names[MISMATCHES] = {
    "right", "wrong size", "wrong digest", "both wrong", "longer", "shorter",
    "changed"
};
static const char *const fault_names[FAULTS] = {
    "no fault", "put", "put_at", "truncate", "allocate", "append", "load",
    "reset", "get", "rewind"
};

enum { BODY = 3000, CODE = 77 };

/* Counts the calls of each kind; call number `at` of kind `fault` fails. */
typedef struct faults {
    enum fault fault;
    int at;
    int calls[FAULTS];
    int failed, after; /* did it fail; calls of the sink after that */
} faults;

typedef struct bench {
    enum way way;
    enum mismatch mismatch;
    int patchable;
    faults f;
    unsigned char out[32768];
    size_t len;
    /* the source, and the store */
    unsigned char body[BODY + 1], stored[BODY + 1];
    size_t body_len, body_at, stored_len;
    int readings;
    /* the objects */
    unsigned char buffer[512], waiting[BODY + 1];
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_blob blob;
    ocitar_spool spool;
    ocitar_store store;
    ocitar_allocator heap;
    ocitar_key keys[8];
    ocitar_rehearsed table[2];
    ocitar_rehearsal rehearsal;
} bench;

static int fails(faults *f, enum fault kind)
{
    if (kind <= TRUNCATE && f->failed && f->fault <= TRUNCATE)
        f->after++;
    if (++f->calls[kind] == f->at && f->fault == kind) {
        f->failed = 1;
        return 1;
    }
    return 0;
}

static int put(void *user, const void *data, size_t len)
{
    bench *b = (bench *)user;

    if (fails(&b->f, PUT))
        return CODE;
    if (len == 0 || len > sizeof b->out - b->len)
        abort();
    memcpy(b->out + b->len, data, len);
    b->len += len;
    return 0;
}

static int put_at(void *user, uint64_t offset, const void *data, size_t len)
{
    bench *b = (bench *)user;

    if (fails(&b->f, PUT_AT))
        return CODE;
    memcpy(b->out + offset, data, len);
    return 0;
}

static int cut(void *user, uint64_t offset)
{
    bench *b = (bench *)user;

    if (fails(&b->f, TRUNCATE))
        return CODE;
    b->len = (size_t)offset;
    return 0;
}

static void *resize(void *user, void *old, size_t old_size, size_t new_size)
{
    bench *b = (bench *)user;

    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return fails(&b->f, ALLOCATE) ? NULL : realloc(old, new_size);
}

static int append(void *user, const void *data, size_t len)
{
    bench *b = (bench *)user;

    if (fails(&b->f, APPEND))
        return CODE;
    memcpy(b->stored + b->stored_len, data, len);
    b->stored_len += len;
    return 0;
}

static int load(void *user, uint64_t offset, void *out, size_t len)
{
    bench *b = (bench *)user;

    if (fails(&b->f, LOAD))
        return CODE;
    memcpy(out, b->stored + offset, len);
    return 0;
}

static int reset(void *user)
{
    bench *b = (bench *)user;

    b->stored_len = 0;
    return fails(&b->f, RESET) ? CODE : 0;
}

/* The second reading may be another one than the first. */
static int get(void *user, void *out, size_t capacity, size_t *len)
{
    bench *b = (bench *)user;
    size_t all = b->body_len, n;

    if (fails(&b->f, GET))
        return CODE;
    if (b->readings > 0 && b->mismatch == LONGER)
        all++;
    if (b->readings > 0 && b->mismatch == SHORTER)
        all--;
    n = all - b->body_at < capacity ? all - b->body_at : capacity;
    memcpy(out, b->body + b->body_at, n);
    if (b->readings > 0 && b->mismatch == FLIPPED && n > 0)
        ((unsigned char *)out)[0] ^= 1;
    b->body_at += n;
    *len = n;
    return 0;
}

static int again(void *user)
{
    bench *b = (bench *)user;

    b->readings++;
    b->body_at = 0;
    return fails(&b->f, REWIND) ? CODE : 0;
}

/* -- a case -- */

static void begin(bench *b, int dry)
{
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    ocitar_spool_desc spool_desc = OCITAR_ZERO;

    b->len = b->stored_len = b->body_at = 0;
    b->store.append_fn = append;
    b->store.load_fn = load;
    b->store.reset_fn = reset;
    b->heap.resize_fn = resize;
    b->store.user = b->heap.user = b;
    desc.sink.user = b;
    if (!dry) {
        desc.sink.put_fn = put;
        desc.sink.put_at_fn = b->patchable ? put_at : NULL;
        desc.sink.truncate_fn = b->patchable ? cut : NULL;
    }
    desc.buffer = b->buffer;
    desc.buffer_size = sizeof b->buffer;
    layout_desc.keys = b->keys;
    layout_desc.key_count = 8;
    layout_desc.rehearsal = b->way == REHEARSE ? &b->rehearsal : NULL;
    if (b->way == SPOOL_FIXED || b->way == SPOOL_SPILL)
        spool_desc.buffer = b->waiting;
    spool_desc.buffer_size = b->way == SPOOL_FIXED   ? sizeof b->waiting
                             : b->way == SPOOL_SPILL ? 1000
                                                     : 0;
    spool_desc.allocator = b->way == SPOOL_HEAP ? &b->heap : NULL;
    spool_desc.store = b->way == SPOOL_FILE || b->way == SPOOL_SPILL
                           ? &b->store
                           : NULL;
    ocitar_spool_begin(&b->spool, &spool_desc);
    if (ocitar_archive_begin(&b->archive, &desc) != OCITAR_OK ||
        ocitar_layout_begin(&b->layout, &b->archive, &layout_desc) !=
            OCITAR_OK)
        abort();
}

static void announce(bench *b, ocitar_wait *wait)
{
    wait->size = b->body_len;
    ocitar_digest_of(&wait->digest, OCITAR_SHA256, b->body, b->body_len);
    if (b->mismatch == SIZE || b->mismatch == BOTH)
        wait->size++;
    if (b->mismatch == DIGEST || b->mismatch == BOTH)
        wait->digest.bytes[0] ^= 1;
}

/* Writes the body in uneven pieces; a changed one in the second run. */
static int write_body(bench *b, int second)
{
    size_t at = 0, n, len = b->body_len;
    int e = OCITAR_OK;

    if (second && b->mismatch == LONGER)
        len++;
    if (second && b->mismatch == SHORTER)
        len--;
    for (; at < len && e == OCITAR_OK; at += n) {
        n = len - at < 700 ? len - at : 700;
        if (second && b->mismatch == FLIPPED && at == 0)
            b->body[0] ^= 1;
        e = ocitar_blob_write(&b->blob, b->body + at, n);
        if (second && b->mismatch == FLIPPED && at == 0)
            b->body[0] ^= 1;
    }
    return e;
}

static int commit(bench *b)
{
    ocitar_digest digest;
    char text[OCITAR_DIGEST_TEXT_MAX];
    uint64_t size = b->body_len;
    int asked = b->way != REHEARSE && b->way != KNOWN;

    ocitar_digest_of(&digest, OCITAR_SHA256, b->body, b->body_len);
    if (b->mismatch == SIZE || b->mismatch == BOTH)
        size++;
    if (b->mismatch == DIGEST || b->mismatch == BOTH)
        digest.bytes[31] ^= 1;
    ocitar_digest_format(&digest, text);
    return ocitar_blob_commit(&b->blob, asked ? size : OCITAR_SIZE_UNKNOWN,
                              asked ? text : NULL);
}

static int write_blob(bench *b, int second)
{
    static const uint8_t ways[WAYS] = {
        0, OCITAR_WAIT_SPOOL, OCITAR_WAIT_SPOOL, OCITAR_WAIT_SPOOL,
        OCITAR_WAIT_SPOOL, OCITAR_WAIT_PATCH, OCITAR_WAIT_KNOWN, 0,
        OCITAR_WAIT_REHEARSE
    };
    ocitar_wait wait = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    unsigned char piece[300];
    int e;

    if (b->way == MEMORY)
        return ocitar_blob_put(&b->layout, 0, b->body, b->body_len, NULL);
    if (b->way == TWICE) {
        b->readings = 0;
        source.get_fn = get;
        source.rewind_fn = again;
        source.user = b;
        return ocitar_blob_copy(&b->layout, 0, &source, piece, sizeof piece,
                                NULL, NULL);
    }
    wait.way = ways[b->way];
    wait.spool = &b->spool;
    announce(b, &wait);
    e = ocitar_blob_begin(&b->blob, &b->layout, 0, &wait);
    if (e == OCITAR_OK)
        e = write_body(b, second);
    return e == OCITAR_OK ? commit(b) : e;
}

/* One run; the first error of any call. The blob is closed in any case, and
   what can go on goes on, but for the file after a fault. */
static int run(bench *b, int dry, int second)
{
    int e, closed;

    begin(b, dry);
    e = ocitar_layout_init(&b->layout);
    if (e == OCITAR_OK)
        e = ocitar_blob_put(&b->layout, 0, "before", 6, NULL);
    if (e == OCITAR_OK)
        e = write_blob(b, second);
    if (b->way != MEMORY && b->way != TWICE) {
        closed = ocitar_blob_close(&b->blob);
        if (e == OCITAR_OK)
            e = closed;
    }
    closed = ocitar_file_put(&b->layout, "after", 0, 0644, "after", 5);
    return e == OCITAR_OK ? closed : e;
}

/* The whole case, both runs of a rehearsal included. */
static int play(bench *b)
{
    int e = OCITAR_OK;

    memset(&b->blob, 0, sizeof b->blob);
    if (b->way == REHEARSE) {
        memset(&b->rehearsal, 0, sizeof b->rehearsal);
        b->rehearsal.table = b->table;
        b->rehearsal.capacity = 2;
        e = run(b, 1, 0);
        if (e == OCITAR_OK)
            e = ocitar_archive_finish(&b->archive);
        ocitar_spool_end(&b->spool);
        ocitar_rehearsal_play(&b->rehearsal);
    }
    return e == OCITAR_OK ? run(b, 0, 1) : e;
}

static bench *make(enum way way, enum mismatch mismatch, int patchable)
{
    static bench b;
    size_t i;

    memset(&b, 0, sizeof b);
    b.way = way;
    b.mismatch = mismatch;
    b.patchable = patchable;
    b.body_len = BODY;
    for (i = 0; i < sizeof b.body; i++)
        b.body[i] = (unsigned char)(i * 131 + 7);
    return &b;
}

/* -- what must hold -- */

static const char *case_name(const bench *b)
{
    static char name[128];

    snprintf(name, sizeof name, "%s, %s, %s sink, %s %d", way_names[b->way],
             mismatch_names[b->mismatch],
             b->patchable ? "patchable" : "put-only",
             fault_names[b->f.fault], b->f.at);
    return name;
}

static void expect(const bench *b, int condition, const char *what)
{
    if (condition) {
        check_passed++;
    } else {
        check_failed++;
        printf("FAIL %s: %s\n", case_name(b), what);
    }
}

/* Does it end as a tar ends? */
static int looks_finished(const bench *b)
{
    size_t i;

    if (b->len < 1024 || b->len % 512 != 0)
        return 0;
    for (i = b->len - 1024; i < b->len; i++)
        if (b->out[i] != 0)
            return 0;
    return 1;
}

static unsigned char whole[32768], without[32768];
static size_t whole_len, without_len;

/* The archive with the blob, and the one that it is not in. */
static void references(void)
{
    bench *b = make(MEMORY, NONE, 0);

    CHECK_CODE(play(b), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&b->archive), OCITAR_OK);
    memcpy(whole, b->out, whole_len = b->len);
    begin(b, 0);
    CHECK_CODE(ocitar_layout_init(&b->layout), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&b->layout, 0, "before", 6, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&b->layout, "after", 0, 0644, "after", 5),
               OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&b->archive), OCITAR_OK);
    memcpy(without, b->out, without_len = b->len);
}

static int is_whole(const bench *b)
{
    return b->len == whole_len && memcmp(b->out, whole, whole_len) == 0;
}

static int is_without(const bench *b)
{
    return b->len == without_len && memcmp(b->out, without, without_len) == 0;
}

static int code_of(enum way way, enum mismatch mismatch)
{
    if (mismatch == NONE)
        return OCITAR_OK;
    if (way == TWICE || way == REHEARSE)
        return OCITAR_E_CHANGED;
    return mismatch == DIGEST ? OCITAR_E_DIGEST : OCITAR_E_SIZE;
}

/* Can the way meet the mismatch at all? */
static int applies(enum way way, enum mismatch mismatch)
{
    if (mismatch == NONE)
        return 1;
    if (way == MEMORY)
        return 0;
    if (way == TWICE || way == REHEARSE)
        return mismatch >= LONGER;
    return mismatch <= BOTH;
}

/* In peace: the right bytes, or nothing of a wrong blob, or fail-stop. */
static void peace(bench *b)
{
    int want = code_of(b->way, b->mismatch), e = play(b), end;
    int goes_on = b->patchable || (b->way < KNOWN);

    expect(b, e == want, "the code");
    end = ocitar_archive_finish(&b->archive);
    if (want == OCITAR_OK)
        expect(b, end == OCITAR_OK && is_whole(b), "the whole archive");
    else if (goes_on)
        expect(b, end == OCITAR_OK && is_without(b), "nothing of it stays");
    else
        expect(b, end == want && !looks_finished(b), "poisoned");
    if (end == OCITAR_OK)
        expect(b, ocitar_archive_size(&b->archive) == b->len, "the size");
    ocitar_spool_end(&b->spool);
}

static int code_of_fault(enum fault fault)
{
    switch (fault) {
    case ALLOCATE:
        return OCITAR_E_MEMORY;
    case APPEND:
    case LOAD:
        return OCITAR_E_SPOOL;
    case GET:
    case REWIND:
        return OCITAR_E_SOURCE;
    default:
        return OCITAR_E_SINK;
    }
}

/* With one call failing. */
static void war(bench *b)
{
    int mismatch = code_of(b->way, b->mismatch), e = play(b), end;
    int fault = code_of_fault(b->f.fault);
    int sink = b->f.fault <= TRUNCATE;

    end = ocitar_archive_finish(&b->archive);
    if (b->f.fault == RESET) { /* after the bytes: nothing is lost by it */
        expect(b, e == mismatch && end == OCITAR_OK, "reset is no fault");
        ocitar_spool_end(&b->spool);
        return;
    }
    /* the sink may have failed only while finishing */
    expect(b, e == fault || (sink && end == fault) ||
                  (e == mismatch && b->f.fault == TRUNCATE),
           "the code");
    expect(b, ocitar_archive_error(&b->archive)->code == end, "the record");
    if (sink) {
        expect(b, end != OCITAR_OK && !looks_finished(b), "not finished");
        expect(b, b->f.after == 0, "the sink is left alone after its failure");
        expect(b, ocitar_archive_finish(&b->archive) == end, "it sticks");
        expect(b, ocitar_archive_error(&b->archive)->user_code == CODE,
               "the sink's own code");
    } else if (end == OCITAR_OK) {
        expect(b, is_without(b), "nothing of it stays");
    } else {
        expect(b, !looks_finished(b), "not finished");
    }
    ocitar_spool_end(&b->spool);
    b->f.fault = NO_FAULT;
    b->f.failed = 0;
    e = play(b);
    expect(b, e == mismatch, "a fresh archive works");
    ocitar_spool_end(&b->spool);
}

static void all_faults(enum way way, enum mismatch mismatch, int patchable)
{
    bench *b = make(way, mismatch, patchable);
    int calls[FAULTS], fault, at;

    peace(b);
    memcpy(calls, b->f.calls, sizeof calls);
    for (fault = PUT; fault < FAULTS; fault++)
        for (at = 1; at <= calls[fault]; at++) {
            b = make(way, mismatch, patchable);
            b->f.fault = (enum fault)fault;
            b->f.at = at;
            war(b);
        }
}

int main(void)
{
    int way, mismatch, patchable, before;

    (void)check_put;
    references();
    for (way = 0; way < WAYS; way++) {
        before = check_passed;
        for (mismatch = 0; mismatch < MISMATCHES; mismatch++)
            for (patchable = 0; patchable < 2; patchable++)
                if (applies((enum way)way, (enum mismatch)mismatch) &&
                    (way != PATCH || patchable))
                    all_faults((enum way)way, (enum mismatch)mismatch,
                               patchable);
        printf("%-12s %d checks\n", way_names[way], check_passed - before);
    }
    return check_done();
}
