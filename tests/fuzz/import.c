/* import - an archive is read, and if it is valid copied: what comes out must
   be valid, too, whatever its descriptors hold. */

#include "archive.h"

static int check(const made *m, ocitar_catalog *c, int listing)
{
    static ocitar_slot slots[64];
    static uint64_t names[256];
    static char buffer[1024], raw[8192];
    static ocitar_checker k;
    ocitar_checker_desc d = OCITAR_ZERO;

    d.slots = slots;
    d.slot_count = 64;
    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.seen = names;
    d.seen_count = 256;
    d.raw = raw;
    d.raw_size = sizeof raw;
    if (listing)
        MUST(ocitar_catalog_begin(c, &k, &d) == OCITAR_OK);
    MUST(ocitar_checker_begin(&k, &d) == OCITAR_OK);
    ocitar_checker_push(&k, m->data, m->size);
    return ocitar_checker_end(&k);
}

static int get_at(void *user, uint64_t offset, void *out, size_t capacity,
                  size_t *len)
{
    const made *m = (const made *)user;

    MUST(offset <= m->size && capacity <= m->size - offset);
    memcpy(out, m->data + offset, capacity);
    *len = capacity;
    return 0;
}

static void copy(made *from, ocitar_catalog *c, made *to, const char *name)
{
    static ocitar_descriptor pool[64];
    static uint8_t buffer[512];
    static char piece[100];
    ocitar_archive_desc ad = OCITAR_ZERO;
    ocitar_index_desc id = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_archive a;
    ocitar_layout l;
    ocitar_index index;
    ocitar_line *line;
    uint32_t cursor = 0, i;
    int e = OCITAR_OK;

    to->size = 0;
    source.get_at_fn = get_at;
    source.user = from;
    ad.buffer = buffer;
    ad.buffer_size = sizeof buffer;
    ad.sink.put_fn = made_put;
    ad.sink.user = to;
    id.descriptors = pool;
    id.capacity = 64;
    MUST(ocitar_archive_begin(&a, &ad) == OCITAR_OK);
    MUST(ocitar_layout_begin(&l, &a, NULL) == OCITAR_OK);
    MUST(ocitar_index_begin(&index, &l, &id) == OCITAR_OK);
    while (e == OCITAR_OK &&
           (line = ocitar_catalog_find(c, &cursor, NULL, NULL)) != NULL) {
        ocitar_descriptor d = line->descriptor;

        ocitar_catalog_mark(c, line, 1);
        d.reference = name;
        if (d.raw == NULL || d.platform.architecture == NULL ||
            d.platform.os == NULL)
            memset(&d.platform, 0, sizeof d.platform);
        if (d.raw != NULL)
            e = ocitar_index_add(&index, &d, NULL, 0);
    }
    for (i = 0; e == OCITAR_OK && i < c->used; i++)
        if (c->lines[i].role == OCITAR_ROLE_BLOB && c->lines[i].marked)
            e = ocitar_catalog_copy(&c->lines[i], &source, 0, &l, piece,
                                    sizeof piece);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&index);
    if (e == OCITAR_OK)
        e = ocitar_archive_finish(&a);
    if (e != OCITAR_OK)
        to->size = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static made from, to;
    static ocitar_line lines[64];
    static uint32_t table[128];
    static char text[32768];
    ocitar_catalog c = OCITAR_ZERO;
    int e;

    make_archive(data, size, &from);
    c.lines = lines;
    c.line_count = 64;
    c.table = table;
    c.table_count = 128;
    c.text = text;
    c.text_size = sizeof text;
    e = check(&from, &c, 1);
    if (ocitar_catalog_end(&c) != OCITAR_OK || e != OCITAR_OK)
        return 0;
    copy(&from, &c, &to, size > 1 && data[size - 1] & 1 ? "a/b:c" : NULL);
    if (to.size == 0)
        return 0;
    e = check(&to, &c, 0);
    MUST(e == OCITAR_OK);
    return 0;
}
