/* json - a document of any bytes. The first byte chooses the pieces. */

#include "fuzz.h"

typedef struct seen {
    uint32_t hash;
    int depth;
    int part; /* the string goes on */
    int values;
} seen;

static int on_token(void *user, int token, const char *text, size_t len)
{
    seen *s = (seen *)user;
    size_t i;

    if (token == OCITAR_JSON_OBJECT || token == OCITAR_JSON_ARRAY)
        s->depth++;
    if (token == OCITAR_JSON_OBJECT_END || token == OCITAR_JSON_ARRAY_END)
        MUST(s->depth-- > 0);
    MUST(s->depth <= OCITAR_JSON_DEPTH_MAX);
    MUST(!s->part || token == OCITAR_JSON_PART || token == OCITAR_JSON_KEY ||
         token == OCITAR_JSON_STRING || token == OCITAR_JSON_NUMBER);
    if (token == OCITAR_JSON_PART)
        MUST(len == 16);
    s->part = token == OCITAR_JSON_PART;
    for (i = 0; i < len; i++)
        s->hash = (s->hash ^ (uint8_t)text[i]) * 16777619u;
    s->hash = (s->hash ^ (uint32_t)token) * 16777619u;
    s->values++;
    return 0;
}

static int run(const uint8_t *data, size_t size, size_t piece, seen *s)
{
    static char buffer[16];
    static uint64_t names[64];
    ocitar_json j = OCITAR_ZERO;
    size_t at, n;
    int e;

    memset(s, 0, sizeof *s);
    j.token_fn = on_token;
    j.user = s;
    j.buffer = buffer;
    j.capacity = sizeof buffer;
    j.seen = names;
    j.seen_capacity = 64;
    MUST(ocitar_json_begin(&j) == OCITAR_OK);
    for (at = 0; at < size; at += n) {
        n = size - at < piece ? size - at : piece;
        ocitar_json_push(&j, data + at, n);
    }
    e = ocitar_json_end(&j);
    MUST(e != OCITAR_OK || (s->depth == 0 && !s->part && s->values > 0));
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen whole, pieces;
    int e;

    if (size < 2)
        return 0;
    e = run(data + 1, size - 1, size, &whole);
    MUST(run(data + 1, size - 1, 1u + data[0] % 20u, &pieces) == e);
    MUST(whole.hash == pieces.hash);
    return 0;
}
