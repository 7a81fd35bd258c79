/* check - an archive, out of a recipe or of any bytes. */

#include "archive.h"

typedef struct seen {
    uint32_t hash;
    int begun; /* codecs */
} seen;

static int on_finding(void *user, const ocitar_finding *f)
{
    seen *s = (seen *)user;

    MUST(f->text != NULL && f->text[0] != 0 && f->rule <= 61);
    s->hash = (s->hash ^ f->rule) * 16777619u;
    s->hash = (s->hash ^ f->severity) * 16777619u;
    s->hash = (s->hash ^ f->digest.bytes[0]) * 16777619u;
    return 0;
}

static int on_claim(void *user, const ocitar_claim *c)
{
    seen *s = (seen *)user;

    s->hash = (s->hash ^ c->role) * 16777619u;
    s->hash = (s->hash ^ c->position) * 16777619u;
    if (c->raw != NULL)
        MUST(c->raw_len >= 2 && c->raw[0] == '{' &&
             c->raw[c->raw_len - 1] == '}');
    return 0;
}

/* A codec that doubles what it gets, for blobs that begin as gzip does. */
static int code_begin(void *user)
{
    ((seen *)user)->begun++;
    return 0;
}

static int code_write(void *user, const void *data, size_t len,
                      int (*put_fn)(void *, const void *, size_t),
                      void *put_user)
{
    int code = put_fn(put_user, data, len);

    (void)user;
    return code != 0 ? code : put_fn(put_user, data, len);
}

static int code_end(void *user, int (*put_fn)(void *, const void *, size_t),
                    void *put_user)
{
    (void)put_fn;
    (void)put_user;
    ((seen *)user)->begun--;
    return 0;
}

static ocitar_codec codec = { "a/b", code_begin, code_write, code_end, NULL };

static const ocitar_codec *choose(void *user, const uint8_t *magic)
{
    codec.user = user;
    return magic[0] == 0x1f ? &codec : NULL;
}

static int run(const made *m, size_t piece, seen *s)
{
    static ocitar_slot slots[24];
    static ocitar_key paths[16];
    static uint64_t names[32];
    static char buffer[768], raw[1024], layer_buffer[1024];
    static ocitar_layer_checker layer;
    ocitar_checker_desc d = OCITAR_ZERO;
    ocitar_checker c;
    size_t at, n;
    int e;

    memset(s, 0, sizeof *s);
    d.slots = slots;
    d.slot_count = 24;
    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.seen = names;
    d.seen_count = 32;
    d.paths = paths;
    d.path_count = 16;
    d.layer = &layer;
    d.layer_buffer = layer_buffer;
    d.layer_buffer_size = sizeof layer_buffer;
    d.raw = raw;
    d.raw_size = sizeof raw;
    d.codec_fn = choose;
    d.max_unpacked = 4096;
    d.finding_fn = on_finding;
    d.claim_fn = on_claim;
    d.user = s;
    MUST(ocitar_checker_begin(&c, &d) == OCITAR_OK);
    for (at = 0; at < m->size; at += n) {
        n = m->size - at < piece ? m->size - at : piece;
        ocitar_checker_push(&c, m->data + at, n);
    }
    e = ocitar_checker_end(&c);
    MUST(s->begun == 0);
    MUST((e == OCITAR_OK) == (c.errors == 0 && e != OCITAR_E_LIMIT));
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static made m;
    seen whole, pieces;
    int e;

    if (size == 0)
        return 0;
    make_archive(data, size, &m);
    e = run(&m, MOST, &whole);
    MUST(run(&m, 1u + data[size - 1] % 97u, &pieces) == e);
    MUST(whole.hash == pieces.hash);
    return 0;
}
