/* reader - a tar of any bytes. The first byte chooses the pieces. */

#include "fuzz.h"

typedef struct seen {
    const ocitar_reader *reader;
    uint64_t entries, bytes, left;
    uint32_t hash;
    int open;
} seen;

static void mix(seen *s, const void *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)data;

    while (len-- > 0)
        s->hash = (s->hash ^ *p++) * 16777619u;
}

static int on_entry(void *user, const ocitar_entry *e)
{
    seen *s = (seen *)user;

    MUST(!s->open && e->size >= 0);
    MUST(e->name != NULL || e->name_len == 0);
    mix(s, e->name, e->name_len);
    mix(s, e->linkname, e->linkname_len);
    mix(s, e->uname, e->uname_len);
    mix(s, e->gname, e->gname_len);
    mix(s, &e->size, sizeof e->size);
    mix(s, &e->mtime.seconds, sizeof e->mtime.seconds);
    s->left = (uint64_t)e->size;
    s->open = 1;
    s->entries++;
    return 0;
}

static int on_data(void *user, const void *data, size_t len)
{
    seen *s = (seen *)user;

    MUST(s->open && len > 0 && len <= s->left);
    s->left -= len;
    s->bytes += len;
    mix(s, data, len);
    return 0;
}

static int on_done(void *user)
{
    seen *s = (seen *)user;

    MUST(s->open && s->left == 0);
    s->open = 0;
    return 0;
}

static int run(const uint8_t *data, size_t size, size_t piece, seen *s)
{
    static char buffer[4096];
    ocitar_reader_desc d = OCITAR_ZERO;
    ocitar_reader r;
    size_t at, n;
    int e = OCITAR_OK, last;

    memset(s, 0, sizeof *s);
    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.entry_fn = on_entry;
    d.data_fn = on_data;
    d.done_fn = on_done;
    d.user = s;
    MUST(ocitar_reader_begin(&r, &d) == OCITAR_OK);
    for (at = 0; at < size; at += n) {
        n = size - at < piece ? size - at : piece;
        last = ocitar_reader_push(&r, data + at, n);
        MUST(e == OCITAR_OK || last == e); /* an error stays */
        e = last;
        MUST(r.offset <= at + n);
    }
    e = ocitar_reader_end(&r);
    MUST(e != OCITAR_OK || r.ended);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen whole, pieces;
    int e;

    if (size < 2)
        return 0;
    e = run(data + 1, size - 1, size, &whole);
    MUST(run(data + 1, size - 1, 1u + data[0] * 3u, &pieces) == e);
    MUST(whole.hash == pieces.hash && whole.entries == pieces.entries &&
         whole.bytes == pieces.bytes);
    return 0;
}
