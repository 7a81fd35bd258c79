/* model [SEQUENCES [SEED [DIRECTORY]]] - random calls against a model.

   Each sequence makes up to 40 random calls on one archive: right ones, wrong
   ones, overlapping ones, over sinks that can be patched, cannot be patched or
   run full. A small model here says what each call must return and which
   entries the archive must hold in the end. With DIRECTORY, every 1000th
   archive is kept there for another program to read. Ends with
   "N passed, N failed": one check a sequence. */

#include "ocitar.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOBS = 3, FILES = 2, ENTRIES = 128, BODY = 4096, OUT = 1 << 19 };
enum { IDLE, OPEN, DONE, GONE };

typedef struct entry {
    char name[128];
    size_t len;
    unsigned char body[BODY];
} entry;

/* The model of a writer: its bytes so far, and what stands against it. */
typedef struct writer {
    int state, error, way, here; /* here: announced, and there already */
    size_t len, announced;
    unsigned char body[BODY];
    ocitar_digest digest; /* announced */
    const char *name;     /* of a file */
} writer;

static ocitar_archive archive;
static ocitar_layout layout;
static ocitar_blob blob[BLOBS];
static ocitar_file file[FILES];
static ocitar_spool spool[BLOBS + FILES];
static unsigned char waiting[BLOBS + FILES][BODY];
static ocitar_key keys[64];

static unsigned char out[OUT];
static size_t out_len, out_limit;
static int out_failed, patchable;

static writer mblob[BLOBS], mfile[FILES];
static entry entries[ENTRIES];
static size_t entry_count;
static int poisoned, finished, initialised, tail; /* tail: owner, or -1 */
static uint64_t tail_start;
static int failed, child_error;

static unsigned long long seed;

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

/* -- the sink -- */

static int put(void *user, const void *data, size_t len)
{
    (void)user;
    if (len > out_limit - out_len) {
        out_failed = 1;
        return 28;
    }
    memcpy(out + out_len, data, len);
    out_len += len;
    return 0;
}

static int put_at(void *user, uint64_t offset, const void *data, size_t len)
{
    (void)user;
    memcpy(out + offset, data, len);
    return 0;
}

static int cut(void *user, uint64_t offset)
{
    (void)user;
    out_len = (size_t)offset;
    return 0;
}

/* -- the model's rules -- */

static void model_entry(const char *name, const unsigned char *body,
                        size_t len)
{
    entry *e = &entries[entry_count++];

    if (entry_count > ENTRIES)
        abort();
    strcpy(e->name, name);
    if (len > 0)
        memcpy(e->body, body, len);
    e->len = len;
}

static int model_has(const char *name)
{
    size_t i;

    for (i = 0; i < entry_count; i++)
        if (strcmp(entries[i].name, name) == 0)
            return 1;
    return 0;
}

static void digest_name(char name[128], const unsigned char *body, size_t len)
{
    ocitar_digest digest;
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_of(&digest, OCITAR_SHA256, body, len);
    ocitar_digest_format(&digest, text);
    strcpy(name, "blobs/");
    strcat(name, text);
    name[12] = '/';
}

static void model_blob(const unsigned char *body, size_t len)
{
    char name[128];

    digest_name(name, body, len);
    if (!model_has(name))
        model_entry(name, body, len);
}

/* What a call on the layout itself meets first. */
static int model_root(void)
{
    if (poisoned)
        return poisoned;
    return finished ? (int)OCITAR_E_STATE : 0;
}

static int model_check(const writer *w)
{
    if (w->state == IDLE)
        return OCITAR_E_STATE;
    if (poisoned)
        return poisoned;
    if (w->state != OPEN)
        return OCITAR_E_STATE;
    if (w->error != 0)
        return w->error;
    return finished ? (int)OCITAR_E_STATE : 0;
}

static int model_fail(writer *w, int code)
{
    w->error = code;
    if (failed++ == 0)
        child_error = code;
    return code;
}

static void model_forgive(writer *w)
{
    if (w->error != 0)
        child_error = --failed == 0            ? 0
                      : child_error == w->error ? OCITAR_E_STATE
                                                : child_error;
    w->error = 0;
}

/* A writer whose bytes are out loses them, or the archive is lost. */
static void model_torn(int i, int code)
{
    if (tail != i)
        return;
    tail = -1;
    if (!patchable && tail_start < out_len)
        poisoned = code;
}

/* -- the calls: each returns what it must, and does what it says -- */

static int wrong; /* the first call of the sequence that went wrong */
static const char *call_name;

static void expect(const char *name, int got, int want)
{
    if (out_failed && !poisoned) {
        poisoned = OCITAR_E_SINK; /* whichever call met it, must say so */
        want = OCITAR_E_SINK;
    }
    if (got != want && !wrong) {
        wrong = 1;
        call_name = name;
        printf("FAIL %s: %s, not %s\n", name, ocitar_error_name(got),
               ocitar_error_name(want));
    }
}

static void fill(unsigned char *body, size_t from, size_t len, unsigned kind)
{
    size_t i;

    for (i = 0; i < len; i++)
        body[from + i] = (unsigned char)((from + i) * 7 + kind);
}

static void call_init(void)
{
    int want = model_root();

    if (want == 0 && initialised)
        want = OCITAR_E_STATE;
    else if (want == 0 && tail >= 0)
        want = OCITAR_E_BUSY;
    if (want == 0) {
        initialised = 1;
        model_entry("blobs/", NULL, 0);
        model_entry("blobs/sha256/", NULL, 0);
    }
    expect("layout_init", ocitar_layout_init(&layout), want);
}

static void begin_known(int i, ocitar_wait *wait)
{
    static unsigned char body[BODY];
    writer *w = &mblob[i];
    char name[128];

    w->announced = pick(4) * 300;
    fill(body, 0, w->announced, pick(3));
    wait->size = w->announced;
    ocitar_digest_of(&wait->digest, OCITAR_SHA256, body, w->announced);
    w->digest = wait->digest;
    digest_name(name, body, w->announced);
    w->here = model_has(name);
}

static void call_blob_begin(int i)
{
    writer *w = &mblob[i];
    ocitar_wait wait = OCITAR_ZERO;
    int want = model_root(), way = 1 + (int)pick(3);

    if (w->state == OPEN) /* its memory is in use */
        return;
    memset(w, 0, sizeof *w);
    w->way = way;
    wait.way = (uint8_t)way;
    wait.spool = &spool[i];
    if (way == OCITAR_WAIT_KNOWN)
        begin_known(i, &wait);
    if (want == 0) {
        w->state = OPEN;
        if (way == OCITAR_WAIT_PATCH && !patchable)
            want = model_fail(w, OCITAR_E_UNSUPPORTED);
        else if (way != OCITAR_WAIT_SPOOL && !w->here && tail >= 0)
            want = model_fail(w, OCITAR_E_BUSY);
        else if (way != OCITAR_WAIT_SPOOL && !w->here)
            tail = i, tail_start = ocitar_archive_size(&archive);
        if (want != 0)
            w->way = 0;
    }
    expect("blob_begin", ocitar_blob_begin(&blob[i], &layout, 0, &wait), want);
}

static void call_blob_write(int i)
{
    static unsigned char bytes[2 * BODY];
    writer *w = &mblob[i];
    size_t len = pick(3) * 300;
    int want = model_check(w);

    if (w->len + len > BODY)
        return;
    fill(w->body, w->len, len, pick(3));
    memcpy(bytes, w->body + w->len, len);
    if (want == 0 && len > 0 && w->way == OCITAR_WAIT_KNOWN &&
        w->len + len > w->announced) {
        want = model_fail(w, OCITAR_E_SIZE);
        model_torn(i, want);
    } else if (want == 0) {
        w->len += len;
    }
    expect("blob_write", ocitar_blob_write(&blob[i], bytes, len), want);
}

/* What commit finds wrong with the blob, in its order. */
static int model_mismatch(writer *w, uint64_t size, const char *expected)
{
    ocitar_digest actual, asked;

    memset(&asked, 0, sizeof asked);
    if (expected != NULL && ocitar_digest_parse(&asked, expected, 0) != 0)
        return OCITAR_E_ARG;
    if (w->way == OCITAR_WAIT_KNOWN && w->len != w->announced)
        return OCITAR_E_SIZE;
    if (size != OCITAR_SIZE_UNKNOWN && size != w->len)
        return OCITAR_E_SIZE;
    ocitar_digest_of(&actual, OCITAR_SHA256, w->body, w->len);
    if (w->way == OCITAR_WAIT_KNOWN &&
        !ocitar_digest_equal(&actual, &w->digest))
        return OCITAR_E_DIGEST;
    if (expected != NULL && !ocitar_digest_equal(&actual, &asked))
        return OCITAR_E_DIGEST;
    return 0;
}

static void call_blob_commit(int i)
{
    static const char *const digests[] = { NULL, NULL, "sha256:xyz", NULL };
    writer *w = &mblob[i];
    char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest digest;
    uint64_t size = OCITAR_SIZE_UNKNOWN;
    const char *expected = digests[pick(4)];
    int want;

    if (pick(3) == 0)
        size = w->len + (pick(3) == 0);
    if (expected == NULL && pick(3) == 0) {
        ocitar_digest_of(&digest, OCITAR_SHA256, w->body,
                         pick(4) == 0 ? w->len / 2 : w->len);
        ocitar_digest_format(&digest, text);
        expected = text;
    }
    if (w->state == OPEN && w->error == OCITAR_E_BUSY && w->way != 0)
        model_forgive(w);
    want = model_check(w);
    if (want == 0) {
        char name[128];

        want = model_mismatch(w, size, expected);
        digest_name(name, w->body, w->len);
        if (want == 0 && w->way == OCITAR_WAIT_SPOOL && tail >= 0 &&
            !model_has(name))
            want = OCITAR_E_BUSY;
        if (want != 0) {
            model_fail(w, want);
            model_torn(i, want);
        } else {
            if (tail == i)
                tail = -1;
            w->state = DONE;
            model_blob(w->body, w->len);
        }
    }
    expect("blob_commit", ocitar_blob_commit(&blob[i], size, expected), want);
    if (want == 0 && poisoned)
        w->state = OPEN; /* the sink failed under it */
}

static void call_blob_close(int i)
{
    writer *w = &mblob[i];
    int want = 0;

    if (w->state == IDLE || w->state == GONE) {
        want = OCITAR_E_STATE;
    } else if (w->state == OPEN) {
        if (!poisoned)
            model_torn(i, OCITAR_E_STATE);
        model_forgive(w);
        w->state = GONE;
        want = model_root();
    }
    expect("blob_close", ocitar_blob_close(&blob[i]), want);
}

static void call_file_begin(int i)
{
    static const char *const names[] = { "a", "b/c", "d/./e", "../f", "",
                                         "/g", "h/", "i/.." };
    writer *w = &mfile[i];
    int want = model_root();

    if (w->state == OPEN)
        return;
    memset(w, 0, sizeof *w);
    w->name = names[pick(8)];
    if (want == 0)
        w->state = OPEN;
    expect("file_begin", ocitar_file_begin(&file[i], &layout, w->name, 0, 0644,
                                           &spool[BLOBS + i]),
           want);
}

static void call_file_write(int i)
{
    writer *w = &mfile[i];
    size_t len = pick(3) * 300;
    int want = model_check(w);

    if (w->len + len > BODY)
        return;
    fill(w->body, w->len, len, pick(3));
    if (want == 0)
        w->len += len;
    expect("file_write",
           ocitar_file_write(&file[i],
                             w->body + (want == 0 ? w->len - len : 0), len),
           want);
}

static void call_file_close(int i)
{
    writer *w = &mfile[i];
    int want;

    if (w->state == OPEN && w->error == OCITAR_E_BUSY)
        model_forgive(w);
    want = model_check(w);
    if (want == 0) {
        size_t n = strlen(w->name);

        if (n == 0 || w->name[0] == '/' || strstr(w->name, "..") != NULL)
            want = OCITAR_E_NAME;
        else if (tail >= 0)
            want = OCITAR_E_BUSY;
        else if (w->name[n - 1] == '/')
            want = OCITAR_E_NAME;
        if (want != 0) {
            model_fail(w, want);
        } else {
            w->state = DONE;
            model_entry(w->name, w->body, w->len);
        }
    }
    expect("file_close", ocitar_file_close(&file[i]), want);
    if (want == 0 && poisoned)
        w->state = OPEN; /* the sink failed under it */
}

static void call_file_abandon(int i)
{
    writer *w = &mfile[i];
    int want = OCITAR_E_STATE;

    if (w->state == OPEN) {
        model_forgive(w);
        w->state = GONE;
        want = model_root();
    }
    expect("file_abandon", ocitar_file_abandon(&file[i]), want);
}

static void call_put(void)
{
    static unsigned char body[BODY];
    size_t len = pick(4) * 300;
    int want = model_root();
    char name[128];

    fill(body, 0, len, pick(3));
    digest_name(name, body, len);
    if (want == 0 && !model_has(name)) {
        if (tail >= 0)
            want = OCITAR_E_BUSY;
        else
            model_entry(name, body, len);
    }
    expect("blob_put", ocitar_blob_put(&layout, 0, body, len, NULL), want);
}

static void call_finish(void)
{
    int want = poisoned;

    if (finished)
        want = 0;
    else if (want == 0 && failed > 0)
        want = child_error;
    else if (want == 0 && tail >= 0)
        want = OCITAR_E_STATE;
    if (want == 0)
        finished = 1;
    expect("archive_finish", ocitar_archive_finish(&archive), want);
    if (out_failed)
        finished = 0;
}

static void call_any(void)
{
    int b = (int)pick(BLOBS), f = (int)pick(FILES);

    switch (pick(16)) {
    case 0:
        call_init();
        break;
    case 1:
    case 2:
        call_blob_begin(b);
        break;
    case 3:
    case 4:
    case 5:
        call_blob_write(b);
        break;
    case 6:
    case 7:
        call_blob_commit(b);
        break;
    case 8:
    case 9:
        call_blob_close(b);
        break;
    case 10:
        call_file_begin(f);
        break;
    case 11:
        call_file_write(f);
        break;
    case 12:
        call_file_close(f);
        break;
    case 13:
        call_file_abandon(f);
        break;
    case 14:
        call_put();
        break;
    default:
        if (pick(6) == 0)
            call_finish();
    }
}

/* -- the sequence -- */

static void start(void)
{
    static unsigned char buffer[8192];
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    int i;

    memset(blob, 0, sizeof blob);
    memset(file, 0, sizeof file);
    memset(mblob, 0, sizeof mblob);
    memset(mfile, 0, sizeof mfile);
    entry_count = out_len = 0;
    poisoned = finished = initialised = failed = child_error = wrong = 0;
    out_failed = 0;
    tail = -1;
    patchable = pick(3) == 0;
    out_limit = pick(8) == 0 ? 512 * pick(40) : OUT;
    for (i = 0; i < BLOBS + FILES; i++)
        ocitar_spool_begin_buffer(&spool[i], waiting[i], BODY);
    desc.buffer = buffer;
    desc.buffer_size = (size_t)512 << pick(5);
    desc.sink.put_fn = put;
    if (patchable) {
        desc.sink.put_at_fn = put_at;
        desc.sink.truncate_fn = cut;
    }
    layout_desc.keys = keys;
    layout_desc.key_count = 64;
    if (ocitar_archive_begin(&archive, &desc) != 0 ||
        ocitar_layout_begin(&layout, &archive, &layout_desc) != 0)
        abort();
}

/* Gives up whatever is still open, and finishes. */
static void wind_up(void)
{
    int i;

    for (i = 0; i < BLOBS; i++)
        call_blob_close(i);
    for (i = 0; i < FILES; i++)
        call_file_abandon(i);
    call_finish();
}

static size_t octal(const unsigned char *p, int digits)
{
    size_t value = 0;

    while (digits-- > 0)
        value = value * 8 + (size_t)(*p++ - '0');
    return value;
}

/* Is the archive made of the model's entries, and ended as a tar ends? */
static int same(void)
{
    size_t at = 0, i, j;

    for (i = 0; i < entry_count; i++) {
        const entry *e = &entries[i];
        const unsigned char *h = out + at;
        size_t sum = 8 * ' ', padded = (e->len + 511) / 512 * 512;

        if (at + 512 + padded > out_len ||
            strncmp((const char *)h, e->name, 100) != 0 ||
            octal(h + 124, 11) != e->len)
            return 0;
        for (j = 0; j < 512; j++)
            sum += j >= 148 && j < 156 ? 0u : h[j];
        if (octal(h + 148, 6) != sum ||
            memcmp(h + 512, e->body, e->len) != 0)
            return 0;
        for (j = e->len; j < padded; j++)
            if (h[512 + j] != 0)
                return 0;
        at += 512 + padded;
    }
    if (out_len != at + 1024)
        return 0;
    for (j = 0; j < 1024; j++)
        if (out[at + j] != 0)
            return 0;
    return 1;
}

static void keep(const char *directory, unsigned long n)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%lu.tar", directory, n);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(out, 1, out_len, f) != out_len || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    unsigned long sequences = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1, n;
    unsigned long good = 0, ended = 0;
    unsigned calls;

    for (n = 0; n < sequences; n++) {
        seed = (first + n) * 0x9E3779B97F4A7C15u + 1;
        start();
        for (calls = 5 + pick(36); calls > 0 && !wrong; calls--)
            call_any();
        if (!wrong)
            wind_up();
        if (!wrong && finished && !same()) {
            printf("FAIL the archive is not what the model says\n");
            wrong = 1;
        }
        if (wrong)
            printf("     seed %lu\n", first + n);
        good += !wrong;
        ended += (unsigned long)finished;
        if (argc > 3 && finished && n % 1000 == 0)
            keep(argv[3], n);
    }
    printf("%lu of %lu archives were finished\n", ended, sequences);
    printf("%lu passed, %lu failed\n", good, sequences - good);
    return good != sequences;
}
