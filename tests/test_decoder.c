/* test_decoder - tar heads of every dialect, by hand and as the encoder
   writes them; pax records; archives through the reader.
   `test_decoder dump FILE...` prints what the reader makes of them. */

#include "ocitar.h"
#include "check.h"

#include <inttypes.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A text with its length, so that it may have NULs. */
#define TEXT(s) s, sizeof(s) - 1

/* A failure deep in a loop, whose checks are not counted one by one. */
#define BROKEN(what)                                                          \
    (check_failed++, printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, what))

static uint64_t seed = 88172645463325252u;

static uint64_t draw(void) /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t below(size_t n)
{
    return (size_t)(draw() % n);
}

/* ---- archives by hand, on a tape ---- */

static unsigned char tape[512 * 1400];
static size_t tape_len;

static unsigned char *block(void)
{
    unsigned char *b = tape + tape_len;

    if (tape_len == sizeof tape)
        abort();
    memset(b, 0, 512);
    tape_len += 512;
    return b;
}

/* width - 1 octal digits and a NUL. */
static void octal(unsigned char *field, size_t width, uint64_t value)
{
    field[--width] = 0;
    while (width > 0) {
        field[--width] = (unsigned char)('0' + (value & 7));
        value >>= 3;
    }
}

/* Big-endian over the whole field, all bits of it; negative: sign extended.
   The caller sets the first bit. */
static void base256(unsigned char *field, size_t width, int64_t value)
{
    uint64_t v = (uint64_t)value;

    while (width > 0) {
        field[--width] = (unsigned char)(v & 0xff);
        v = v >> 8 | (value < 0 ? (uint64_t)0xff << 56 : 0);
    }
    field[0] |= 0x80;
}

static int sum(const unsigned char *b, int is_signed)
{
    int total = 0, i;

    for (i = 0; i < 512; i++) {
        int c = i >= 148 && i < 156 ? ' ' : b[i];

        total += is_signed && c > 127 ? c - 256 : c;
    }
    return total;
}

static unsigned char *seal(unsigned char *b)
{
    octal(b + 148, 7, (uint64_t)sum(b, 0));
    b[155] = ' ';
    return b;
}

enum { V7, USTAR, GNU, STAR };

static void fill(unsigned char *field, const char *text, size_t width)
{
    size_t n = strlen(text);

    memcpy(field, text, n < width ? n : width);
}

static unsigned char *head(int format, char type, const char *name,
                           int64_t size)
{
    unsigned char *b = block();

    fill(b, name, 100);
    octal(b + 100, 8, 0644);
    octal(b + 108, 8, 1000);
    octal(b + 116, 8, 100);
    octal(b + 124, 12, (uint64_t)size);
    octal(b + 136, 12, 1700000000);
    b[156] = (unsigned char)type;
    if (format != V7)
        memcpy(b + 257, format == GNU ? "ustar  \0" : "ustar\0" "00", 8);
    if (format != V7) {
        fill(b + 265, "user", 32);
        fill(b + 297, "group", 32);
    }
    if (format == STAR)
        memcpy(b + 508, "tar", 4);
    return seal(b);
}

static void body(const void *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;

    while (len > 0) {
        size_t n = len < 512 ? len : 512;

        memcpy(block(), p, n);
        p += n;
        len -= n;
    }
}

static void meta(char type, const void *data, size_t len)
{
    head(type == 'x' || type == 'g' ? USTAR : GNU, type, "meta",
         (int64_t)len);
    body(data, len);
}

static char pax[100000];
static size_t pax_len;

static void record_of(const char *key, const char *value, size_t value_len)
{
    size_t n = strlen(key) + value_len + 3, len = n;
    char digits[24];
    int width = 0, d;

    while ((d = sprintf(digits, "%lu", (unsigned long)len)) != width) {
        width = d;
        len = n + (size_t)width;
    }
    pax_len += (size_t)sprintf(pax + pax_len, "%s %s=", digits, key);
    memcpy(pax + pax_len, value, value_len);
    pax_len += value_len;
    pax[pax_len++] = '\n';
}

static void record(const char *key, const char *value)
{
    record_of(key, value, strlen(value));
}

/* The records so far, as an 'x' or 'g'. */
static void records(char type)
{
    meta(type, pax, pax_len);
    pax_len = 0;
}

static void tape_clear(void)
{
    tape_len = 0;
    pax_len = 0;
}

/* ---- the tape through the decoder ---- */

static ocitar_decoder dec;
static char *room;
static size_t at;

/* On to what is not OCITAR_BLOCK_MORE, or to the end of the tape. Each block
   is spoilt after its call: it was lent for that only. */
static int decode_on(void)
{
    unsigned char *lent = (unsigned char *)malloc(512);
    int got = OCITAR_BLOCK_MORE;

    if (lent == NULL)
        abort();
    while (got == OCITAR_BLOCK_MORE && at < tape_len) {
        memcpy(lent, tape + at, 512);
        got = ocitar_decoder_next(&dec, lent);
        memset(lent, 0xee, 512);
        at += 512;
    }
    free(lent);
    return got;
}

static int decode_in(size_t size)
{
    free(room);
    room = (char *)malloc(size);
    if (room == NULL)
        abort();
    memset(room, 0xa5, size);
    memset(&dec, 0xff, sizeof dec);
    at = 0;
    if (ocitar_decoder_begin(&dec, room, size) != OCITAR_OK)
        abort();
    return decode_on();
}

static int decode(void)
{
    return decode_in(4096);
}

static int is(const char *text, size_t len, const char *want)
{
    return len == strlen(want) && (len == 0 || memcmp(text, want, len) == 0);
}

static int name_is(const char *want)
{
    return is(dec.entry.name, dec.entry.name_len, want);
}

static int link_is(const char *want)
{
    return is(dec.entry.linkname, dec.entry.linkname_len, want);
}

static int owners_are(const char *user, const char *group)
{
    return is(dec.entry.uname, dec.entry.uname_len, user) &&
           is(dec.entry.gname, dec.entry.gname_len, group);
}

static int time_is(const ocitar_time *t, int64_t seconds, uint32_t nano)
{
    return t->set == 1 && t->seconds == seconds && t->nanoseconds == nano;
}

/* A refusal is for good, and says why. */
static int refused(int code)
{
    unsigned char zero[512];

    memset(zero, 0, sizeof zero);
    return code == OCITAR_E_FORMAT && dec.why != NULL && dec.why[0] != 0 &&
           ocitar_decoder_next(&dec, zero) == OCITAR_E_STATE &&
           ocitar_decoder_next(&dec, zero) == OCITAR_E_STATE;
}

/* ---- plain heads ---- */

static void test_begin_arguments(void)
{
    unsigned char b[512];
    char buffer[512];

    memset(b, 0, sizeof b);
    CHECK_CODE(ocitar_decoder_begin(NULL, buffer, 512), OCITAR_E_ARG);
    CHECK_CODE(ocitar_decoder_begin(&dec, NULL, 512), OCITAR_E_ARG);
    CHECK_CODE(ocitar_decoder_next(&dec, b), OCITAR_E_STATE);
    CHECK_CODE(ocitar_decoder_begin(&dec, buffer, 511), OCITAR_E_ARG);
    CHECK_CODE(ocitar_decoder_next(&dec, b), OCITAR_E_STATE);
    CHECK_CODE(ocitar_decoder_begin(&dec, buffer, 512), OCITAR_OK);
    CHECK_CODE(ocitar_decoder_next(NULL, b), OCITAR_E_ARG);
    CHECK_CODE(ocitar_decoder_next(&dec, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_decoder_next(&dec, b), OCITAR_BLOCK_MORE);
}

static void test_v7(void)
{
    unsigned char *b;

    tape_clear();
    b = head(V7, 0, "a/b", 17);
    fill(b + 157, "to", 100);
    fill(b + 265, "user", 32); /* V7 had nothing there */
    fill(b + 297, "group", 32);
    fill(b + 329, "garbage!garbage!", 16);
    fill(b + 345, "prefix", 155); /* which some readers would put before it */
    seal(b);
    CHECK_CODE(decode(), OCITAR_E_FORMAT);
    memset(b + 345, 0, 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("a/b") && link_is("to") && owners_are("", ""));
    CHECK(dec.entry.uname == NULL && dec.entry.gname == NULL);
    CHECK(dec.entry.typeflag == '0' && dec.entry.size == 17);
    CHECK(dec.entry.mode == 0644 && dec.entry.uid == 1000);
    CHECK(dec.entry.gid == 100 && time_is(&dec.entry.mtime, 1700000000, 0));
    CHECK(dec.entry.devmajor == 0 && dec.entry.devminor == 0);
    CHECK(!dec.entry.atime.set && !dec.entry.ctime.set);
    CHECK(dec.pax_len == 0 && dec.sparse == 0 && dec.entry.pax_count == 0);
}

static void test_ustar(void)
{
    unsigned char *b;

    tape_clear();
    b = head(USTAR, '3', "null", 0);
    octal(b + 329, 8, 1);
    octal(b + 337, 8, 07777777);
    fill(b + 345, "dev", 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("dev/null") && link_is("") && owners_are("user", "group"));
    CHECK(dec.entry.typeflag == '3' && dec.entry.devmajor == 1);
    CHECK(dec.entry.devminor == 07777777);
    CHECK(dec.entry.linkname == NULL);
}

/* All fields full to their last byte, without a NUL. */
static void test_ustar_full(void)
{
    unsigned char *b;
    char name[257];

    tape_clear();
    b = head(USTAR, '2', "", 0);
    memset(b, 'n', 100);
    memset(b + 157, 'l', 100);
    memset(b + 265, 'u', 32);
    memset(b + 297, 'g', 32);
    memset(b + 345, 'p', 155);
    memset(b + 500, 'x', 12); /* belongs to nobody */
    seal(b);
    CHECK_CODE(decode_in(512), OCITAR_BLOCK_ENTRY);
    memset(name, 'p', 155);
    name[155] = '/';
    memset(name + 156, 'n', 100);
    name[256] = 0;
    CHECK(name_is(name));
    CHECK(dec.entry.linkname_len == 100 && dec.entry.linkname[99] == 'l');
    CHECK(owners_are("uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
                     "gggggggggggggggggggggggggggggggg"));
}

/* What follows the NUL of a field is nobody's. */
static void test_strings_end_at_nul(void)
{
    unsigned char *b;

    tape_clear();
    b = head(USTAR, '0', "a", 0);
    memcpy(b, "a\0b", 3);
    memcpy(b + 157, "l\0b", 3);
    memcpy(b + 265, "u\0ser", 5);
    memcpy(b + 297, "g\0roup", 6);
    memcpy(b + 345, "p\0b", 3);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("p/a") && link_is("l") && owners_are("u", "g"));
    tape_clear();
    memcpy(head(USTAR, '0', "", 0), "", 1);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name == NULL && dec.entry.name_len == 0);
    tape_clear();
    b = head(USTAR, '0', "", 0);
    fill(b + 345, "p", 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("p/"));
}

/* star has times behind a shorter prefix, GNU where the prefix is. */
static void test_prefixes(void)
{
    unsigned char *b;

    tape_clear();
    b = head(STAR, '0', "n", 0);
    memset(b + 345, 'p', 131); /* ustar's goes on there */
    octal(b + 476, 12, 1);
    octal(b + 488, 12, 2);
    seal(b);
    CHECK_CODE(decode(), OCITAR_E_FORMAT);
    b[345 + 130] = 0;
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name_len == 132 && dec.entry.name[130] == '/' &&
          dec.entry.name[131] == 'n' && dec.entry.name[129] == 'p');
    tape_clear();
    b = head(GNU, '0', "n", 0);
    octal(b + 345, 12, 1);
    octal(b + 357, 12, 2);
    octal(b + 329, 8, 5);
    octal(b + 337, 8, 6);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("n") && owners_are("user", "group"));
    CHECK(dec.entry.devmajor == 5 && dec.entry.devminor == 6);
    CHECK(!dec.entry.atime.set && !dec.entry.ctime.set);
    tape_clear();
    b = head(STAR, '0', "n", 0);
    b[511] = 'x'; /* no star: its prefix is ustar's */
    memset(b + 345, 'p', 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name_len == 157);
    /* a version that is not "00", as Go, GNU tar, bsdtar and Python take it */
    tape_clear();
    b = head(USTAR, '0', "n", 0);
    memset(b + 263, 0, 2);
    fill(b + 345, "p", 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("p/n") && owners_are("user", "group"));
}

/* ---- numbers ---- */

typedef struct number {
    const char *field;
    size_t len;
    int ok;
    int64_t value;
} number;

/* In a field of twelve, `size`; what the row does not fill is NUL. */
static const number numbers12[] = {
    { TEXT("00000000017\0"), 1, 15 },
    { TEXT("00000000017 "), 1, 15 },
    { TEXT("         17 "), 1, 15 },
    { TEXT("17"), 1, 15 },
    { TEXT("17 \0 \0"), 1, 15 },
    { TEXT("\0\0 17"), 0, 0 }, /* 0 to who stops at the NUL */
    { TEXT("777777777777"), 1, 0777777777777 },
    { TEXT(""), 1, 0 },
    { TEXT("            "), 1, 0 },
    { TEXT("00000000000\0"), 1, 0 },
    { TEXT("1 7"), 0, 0 },
    { TEXT("1\0" "7"), 0, 0 },
    { TEXT("18"), 0, 0 },
    { TEXT("8"), 0, 0 },
    { TEXT("-1"), 0, 0 },
    { TEXT("+1"), 0, 0 },
    { TEXT("0x1"), 0, 0 },
    { TEXT("1\t"), 0, 0 },
    { TEXT("garbage"), 0, 0 },
    { TEXT("00000000017x"), 0, 0 },
    { TEXT("\x80\0\0\0\0\0\0\0\0\0\0\x2a"), 1, 42 },
    { TEXT("\x80\0\0\0\0\0\0\0\0\0\0\0"), 1, 0 },
    { TEXT("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), 1, INT64_MAX },
    { TEXT("\x80\0\0\0\x80\0\0\0\0\0\0\0"), 0, 0 },
    { TEXT("\x80\0\0\x01\0\0\0\0\0\0\0\0"), 0, 0 },
    { TEXT("\x81\0\0\0\0\0\0\0\0\0\0\0"), 0, 0 },
    { TEXT("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0, 0 },
    { TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1, -1 },
    { TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0"), 1, -512 },
    { TEXT("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0"), 1, INT64_MIN },
    { TEXT("\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), 0, 0 },
    { TEXT("\xff\xff\xff\xfe\0\0\0\0\0\0\0\0"), 0, 0 },
    { TEXT("\xc0\0\0\0\0\0\0\0\0\0\0\0"), 0, 0 },
};

/* In a field of eight. */
static const number numbers8[] = {
    { TEXT("77777777"), 1, 077777777 },
    { TEXT("   17 \0"), 1, 15 },
    { TEXT("1 7"), 0, 0 },
    { TEXT("9"), 0, 0 },
    { TEXT("\x80\0\0\0\xff\xff\xff\xff"), 1, 0xffffffff },
    { TEXT("\xbf\xff\xff\xff\xff\xff\xff\xff"), 1, 0x3fffffffffffffff },
    { TEXT("\xff\xff\xff\xff\xff\xff\xff\xff"), 1, -1 },
    { TEXT("\xc0\0\0\0\0\0\0\0"), 1, -0x4000000000000000 },
};

/* Sets a field and decodes; the value is left in *got. */
static int decode_field(size_t where, size_t width, const number *n,
                        int64_t *const *got)
{
    unsigned char *b;
    int code;

    tape_clear();
    b = head(USTAR, 'A', "n", 0);
    memset(b + where, 0, width);
    memcpy(b + where, n->field, n->len);
    seal(b);
    code = decode();
    if (code == OCITAR_BLOCK_ENTRY && **got != n->value)
        printf("%" PRId64 ", not %" PRId64 "\n", **got, n->value);
    return n->ok ? code == OCITAR_BLOCK_ENTRY && **got == n->value
                 : refused(code);
}

static void test_numbers(void)
{
    int64_t *size = &dec.entry.size, *mtime = &dec.entry.mtime.seconds;
    int64_t *eights[5];
    static const size_t where[5] = { 100, 108, 116, 329, 337 };
    size_t i, j;

    eights[0] = &dec.entry.mode;
    eights[1] = &dec.entry.uid;
    eights[2] = &dec.entry.gid;
    eights[3] = &dec.entry.devmajor;
    eights[4] = &dec.entry.devminor;
    for (i = 0; i < COUNT(numbers12); i++) {
        number n = numbers12[i];

        CHECK(decode_field(136, 12, &n, &mtime));
        n.ok = n.ok && n.value >= 0; /* no body is shorter than none */
        CHECK(decode_field(124, 12, &n, &size));
    }
    for (i = 0; i < COUNT(numbers8); i++)
        for (j = 0; j < 5; j++)
            CHECK(decode_field(where[j], 8, &numbers8[i], &eights[j]));
}

/* Two's complement through a field of twelve and of eight. */
static void test_base256(void)
{
    unsigned char *b;
    int64_t v;
    int i;

    for (i = 0; i < 4000; i++) {
        v = (int64_t)(draw() >> below(64));
        if (draw() & 1)
            v = -v;
        tape_clear();
        b = head(USTAR, '0', "n", 0);
        base256(b + 136, 12, v);
        base256(b + 108, 8, v / 2);
        if (v < 0)
            b[136] = 0xff;
        b[108] = (unsigned char)(b[108] | 0x80);
        if (v >= 0)
            b[108] &= 0xbf;
        seal(b);
        if (decode() != OCITAR_BLOCK_ENTRY ||
            !time_is(&dec.entry.mtime, v, 0) || dec.entry.uid != v / 2) {
            BROKEN("base-256");
            return;
        }
    }
    CHECK(i == 4000);
}

static void test_checksum(void)
{
    unsigned char *b;
    int i;

    tape_clear();
    b = head(USTAR, '0', "caf\xc3\xa9", 0);
    CHECK(sum(b, 0) != sum(b, 1));
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    octal(b + 148, 7, (uint64_t)sum(b, 1)); /* old tars' */
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("caf\xc3\xa9"));
    for (i = -600; i <= 600; i++) { /* no other one will do */
        octal(b + 148, 7, (uint64_t)(sum(b, 0) + i));
        if (i == 0 || i == sum(b, 1) - sum(b, 0))
            CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
        else if (!refused(decode()))
            BROKEN("a wrong checksum");
    }
    memset(b + 148, 0, 8);
    CHECK(refused(decode()));
    memset(b + 148, ' ', 8);
    CHECK(refused(decode()));
    memcpy(b + 148, "garbage!", 8);
    CHECK(refused(decode()));
    octal(b + 148, 8, (uint64_t)sum(b, 0)); /* seven digits */
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    sprintf((char *)b + 148, "%6o", (unsigned)sum(b, 0)); /* V7: blanks */
    b[155] = ' ';
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
}

/* A header of nothing but zeros and its checksum is an entry. */
static void test_empty_header(void)
{
    tape_clear();
    seal(block());
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name == NULL && dec.entry.typeflag == '0');
    CHECK(dec.entry.size == 0 && time_is(&dec.entry.mtime, 0, 0));
}

/* ---- types ---- */

static void test_typeflag_nul(void)
{
    tape_clear();
    head(V7, 0, "d/", 700);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.typeflag == '5' && dec.entry.size == 0);
    tape_clear();
    head(V7, 0, "d", 700);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.typeflag == '0' && dec.entry.size == 700);
    tape_clear();
    record("path", "d/"); /* the name that counts, not the header's */
    records('x');
    head(USTAR, 0, "f", 700);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.typeflag == '5' && dec.entry.size == 0);
    tape_clear();
    meta('L', TEXT("long\0"));
    head(GNU, 0, "d/", 700);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.typeflag == '0' && dec.entry.size == 700);
}

/* '1' to '6' have no body, all others have. */
static void test_types(void)
{
    unsigned char *b;
    int type;

    for (type = 1; type < 256; type++) {
        if (type == 'x' || type == 'g' || type == 'L' || type == 'K')
            continue;
        tape_clear();
        head(USTAR, (char)type, "n", 1025);
        CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
        CHECK(dec.entry.typeflag == (char)type);
        CHECK(dec.entry.size == (type >= '1' && type <= '6' ? 0 : 1025));
        CHECK(dec.sparse == (type == 'S'));
        b = tape;
        base256(b + 124, 12, -1);
        seal(b);
        if (type >= '1' && type <= '6') {
            CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
            CHECK(dec.entry.size == 0);
        } else {
            CHECK(refused(decode()));
        }
    }
}

/* GNU's sparse file: blocks of its map follow its head. */
static void test_sparse(void)
{
    unsigned char *b;

    tape_clear();
    head(GNU, 'S', "s", 1024);
    head(GNU, '0', "next", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("s") && dec.entry.size == 1024 && dec.sparse == 1);
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("next") && dec.sparse == 0);

    tape_clear();
    b = head(GNU, 'S', "s", 1024);
    b[482] = 1;
    seal(b);
    block()[504] = 1;
    block()[504] = 1;
    b = block(); /* no header, and no end either */
    memset(b, 'm', 504);
    head(GNU, '0', "next", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(at == 4 * 512);
    CHECK(name_is("s") && dec.entry.size == 1024 && dec.sparse == 1);
    CHECK(owners_are("user", "group"));
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("next") && dec.sparse == 0);

    tape_clear(); /* a map of one zero block */
    meta('L', TEXT("long\0"));
    b = head(GNU, 'S', "s", 0);
    b[482] = 1;
    seal(b);
    block();
    block();
    block();
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("long") && dec.sparse == 1 && at == 4 * 512);
    CHECK_CODE(decode_on(), OCITAR_BLOCK_END);

    tape_clear(); /* other types have their prefix there */
    b = head(USTAR, '0', "n", 0);
    memset(b + 345, 'p', 155);
    seal(b);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(at == 512 && dec.sparse == 0);
}

/* The sparse files of pax tell it in their records. */
static void test_pax_sparse(void)
{
    tape_clear();
    record("GNU.sparse.major", "1");
    record("GNU.sparse.minor", "0");
    record("GNU.sparse.name", "real");
    record("GNU.sparse.realsize", "1000000");
    records('x');
    head(USTAR, '0', "GNUSparseFile.0/real", 512);
    head(USTAR, '0', "next", 512);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.sparse == 1 && dec.entry.size == 512);
    CHECK(name_is("GNUSparseFile.0/real"));
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("next") && dec.sparse == 0);
    tape_clear();
    record("GNU.sparse.", "1"); /* not one of them */
    record("GNU.sparsely", "1");
    record("gnu.sparse.major", "1");
    records('x');
    head(USTAR, '0', "n", 512);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.sparse == 0);
}

/* ---- GNU's long names ---- */

static void test_long_names(void)
{
    static char name[65536];
    size_t i;

    for (i = 0; i < sizeof name; i++)
        name[i] = (char)('a' + i % 26);
    name[sizeof name - 1] = 0;
    tape_clear();
    meta('L', name, sizeof name);
    meta('K', name, sizeof name - 100);
    head(GNU, '2', "cut", 0);
    head(GNU, '0', "next", 0);
    CHECK_CODE(decode_in(140000), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name_len == 65535);
    CHECK(memcmp(dec.entry.name, name, 65535) == 0);
    CHECK(dec.entry.linkname_len == 65436);
    CHECK(memcmp(dec.entry.linkname, name, 65436) == 0);
    CHECK(dec.entry.typeflag == '2' && owners_are("user", "group"));
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("next") && link_is(""));
}

static void test_long_name_forms(void)
{
    char exact[512];

    memset(exact, 'n', sizeof exact);
    tape_clear(); /* K before L, without a NUL, a block's end */
    meta('K', exact, 512);
    meta('L', TEXT("name"));
    head(GNU, '1', "cut", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("name") && dec.entry.linkname_len == 512);
    CHECK(memcmp(dec.entry.linkname, exact, 512) == 0);
    tape_clear(); /* up to the first NUL */
    meta('L', TEXT("name\0more"));
    head(GNU, '0', "cut", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("name"));
    tape_clear(); /* beside a path of pax: readers disagree on which counts */
    record("path", "pax");
    record("linkpath", "paxlink");
    records('x');
    meta('L', TEXT("gnu"));
    meta('K', TEXT("gnulink"));
    head(GNU, '1', "cut", 0);
    CHECK_CODE(decode(), OCITAR_E_FORMAT);
    tape_clear(); /* over a prefix */
    meta('L', TEXT("name"));
    fill(head(USTAR, '0', "cut", 0) + 345, "prefix", 155);
    seal(tape + 1024);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("name"));
    tape_clear();
    meta('L', TEXT("\0name"));
    CHECK(refused(decode()));
    tape_clear();
    meta('K', TEXT(""));
    CHECK(refused(decode()));
    tape_clear();
    meta('L', TEXT("a"));
    meta('L', TEXT("a"));
    CHECK(refused(decode()));
    tape_clear();
    meta('K', TEXT("a"));
    meta('K', TEXT("a"));
    CHECK(refused(decode()));
}

/* E_LIMIT's `need` suffices for what did not fit; and so, step by step, for
   the whole head. 0: it did not. */
static int steps_to_decode(size_t size)
{
    size_t last = 0;
    int steps, code;

    for (steps = 1; steps < 6; steps++) {
        size_t stop;

        code = decode_in(size);
        if (code == OCITAR_BLOCK_ENTRY)
            return steps;
        stop = at;
        if (code != OCITAR_E_LIMIT || dec.need <= size || dec.why == NULL ||
            stop <= last)
            return 0;
        last = stop;
        size = dec.need;
    }
    return 0;
}

static void test_buffer_limit(void)
{
    static char name[65536];

    memset(name, 'n', sizeof name);
    tape_clear();
    meta('L', name, sizeof name);
    head(GNU, '0', "cut", 0);
    CHECK_CODE(decode_in(512), OCITAR_E_LIMIT);
    CHECK(dec.need == 65536 + 512 && at == 512 && dec.why != NULL);
    at = 512; /* for good */
    CHECK_CODE(decode_on(), OCITAR_E_STATE);
    CHECK_CODE(decode_in(65536), OCITAR_E_LIMIT);
    CHECK(at == 512 * 130 && dec.need == 65536 + 512);
    CHECK_CODE(decode_in(65536 + 512), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.name_len == 65536);
    CHECK(steps_to_decode(512) == 2);
    tape_clear();
    meta('L', name, sizeof name);
    meta('K', name, 60000);
    record_of("SCHILY.xattr.user.big", name, 50000);
    records('x');
    head(GNU, '1', "cut", 0);
    CHECK(steps_to_decode(512) == 4);
    CHECK(dec.entry.name_len == 65536 && dec.entry.linkname_len == 60000);
    CHECK(dec.pax_len > 50000);
}

/* Sizes of heads that nobody has memory for. */
static void test_buffer_limit_huge(void)
{
    static const char types[] = "xgLK";
    unsigned char *b;
    size_t i;

    for (i = 0; i < 4; i++) {
        tape_clear();
        b = head(USTAR, types[i], "n", 0);
        base256(b + 124, 12, INT64_MAX);
        seal(b);
        CHECK_CODE(decode(), OCITAR_E_LIMIT);
        CHECK(dec.need >= (SIZE_MAX >> 1));
        base256(b + 124, 12, -1);
        seal(b);
        CHECK(refused(decode()));
        tape_clear();
        b = head(USTAR, types[i], "n", 0);
        base256(b + 124, 12, 4097);
        seal(b);
        CHECK_CODE(decode(), OCITAR_E_LIMIT);
        CHECK(dec.need == 4097 + 512);
    }
    tape_clear(); /* exactly the buffer, and one byte less */
    meta('K', TEXT("name"));
    record_of("comment", (const char *)tape, 600);
    head(GNU, 'x', "n", (int64_t)pax_len);
    body(pax, pax_len);
    CHECK_CODE(decode_in(4 + pax_len), OCITAR_BLOCK_MORE);
    CHECK_CODE(decode_in(3 + pax_len), OCITAR_E_LIMIT);
    CHECK(dec.need == 4 + pax_len + 512);
}

/* The smallest buffer serves every header; more than its pax data fills it,
   and what a 'g' used is free again. */
static void test_smallest_buffer(void)
{
    int i;

    tape_clear();
    pax_len = (size_t)sprintf(pax, "512 comment=%0499d\n", 1);
    CHECK(pax_len == 512);
    for (i = 0; i < 5; i++)
        meta('g', pax, 512);
    head(USTAR, '0', "n", 0);
    meta('x', pax, 512);
    head(USTAR, '0', "", 0);
    memset(tape + tape_len - 512 + 265, 0, 64);
    seal(tape + tape_len - 512);
    meta('x', pax, 512);
    head(USTAR, '0', "n", 0);
    CHECK_CODE(decode_in(512), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("n") && dec.pax_len == 0);
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("") && dec.pax_len == 512);
    CHECK_CODE(decode_on(), OCITAR_E_LIMIT);
    CHECK(dec.need == 1024 && at == tape_len);
}

/* ---- pax ---- */

/* One record before an entry of a header that says something else. */
static int local(const char *key, const char *value)
{
    unsigned char *b;

    tape_clear();
    record(key, value);
    records('x');
    b = head(USTAR, '0', "header", 5);
    fill(b + 157, "link", 100);
    seal(b);
    return decode();
}

static void test_pax_fields(void)
{
    CHECK_CODE(local("path", "p/\xc3\xa9/"), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("p/\xc3\xa9/") && link_is("link"));
    CHECK_CODE(local("linkpath", "to"), OCITAR_BLOCK_ENTRY);
    CHECK(link_is("to") && name_is("header"));
    CHECK_CODE(local("uname", "root"), OCITAR_BLOCK_ENTRY);
    CHECK(owners_are("root", "group"));
    CHECK_CODE(local("gname", "wheel"), OCITAR_BLOCK_ENTRY);
    CHECK(owners_are("user", "wheel"));
    CHECK_CODE(local("size", "123"), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.size == 123);
    CHECK_CODE(local("uid", "4294967294"), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.uid == 4294967294 && dec.entry.gid == 100);
    CHECK_CODE(local("gid", "-7"), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.gid == -7 && dec.entry.uid == 1000);
    CHECK_CODE(local("mtime", "1.5"), OCITAR_BLOCK_ENTRY);
    CHECK(time_is(&dec.entry.mtime, 1, 500000000));
    CHECK(!dec.entry.atime.set && !dec.entry.ctime.set);
    CHECK_CODE(local("atime", "2"), OCITAR_BLOCK_ENTRY);
    CHECK(time_is(&dec.entry.atime, 2, 0) && !dec.entry.ctime.set);
    CHECK(time_is(&dec.entry.mtime, 1700000000, 0));
    CHECK_CODE(local("ctime", "3"), OCITAR_BLOCK_ENTRY);
    CHECK(time_is(&dec.entry.ctime, 3, 0) && !dec.entry.atime.set);
    CHECK_CODE(local("mode", "7"), OCITAR_BLOCK_ENTRY); /* is no record */
    CHECK(dec.entry.mode == 0644);
    CHECK_CODE(local("Path", "p"), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("header"));
    CHECK_CODE(local("pat", "p"), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("header"));
    CHECK_CODE(local("paths", "p"), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("header"));
}

/* The raw records stay there to be read. */
static void test_pax_stays(void)
{
    ocitar_pair p;
    const char *s;
    size_t len;

    tape_clear();
    record("path", "p");
    record_of("SCHILY.xattr.user.x", TEXT("a\0b\nc=d"));
    records('x');
    head(USTAR, '0', "n", 0);
    head(USTAR, '0', "next", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    s = dec.pax;
    len = dec.pax_len;
    CHECK(ocitar_pax_next(&s, &len, &p) == 1);
    CHECK(is(p.key, p.key_len, "path") && is(p.value, p.value_len, "p"));
    CHECK(ocitar_pax_next(&s, &len, &p) == 1);
    CHECK(is(p.key, p.key_len, "SCHILY.xattr.user.x"));
    CHECK(p.value_len == 7 && memcmp(p.value, "a\0b\nc=d", 7) == 0);
    CHECK(ocitar_pax_next(&s, &len, &p) == 0 && len == 0);
    CHECK(ocitar_pax_next(&s, &len, &p) == 0);
    CHECK_CODE(decode_on(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.pax_len == 0 && name_is("next"));
}

static void test_pax_empty_values(void)
{
    static const char *const keys[] = { "path",  "linkpath", "uname",
                                        "gname", "size",     "uid",
                                        "gid",   "mtime",    "atime",
                                        "ctime", "comment" };
    size_t i;

    for (i = 0; i < COUNT(keys); i++) {
        CHECK_CODE(local(keys[i], ""), OCITAR_BLOCK_ENTRY);
        CHECK(name_is("header") && link_is("link"));
        CHECK(owners_are("user", "group") && dec.entry.size == 5);
        CHECK(dec.entry.uid == 1000 && dec.entry.gid == 100);
        CHECK(time_is(&dec.entry.mtime, 1700000000, 0));
        CHECK(!dec.entry.atime.set && !dec.entry.ctime.set);
    }
    tape_clear(); /* the last of two counts */
    record("path", "first");
    record("path", "second");
    record("uid", "1");
    record("uid", "2");
    records('x');
    head(USTAR, '0', "header", 5);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("second") && dec.entry.uid == 2);
    /* an empty value takes an earlier one back, as in Go */
    tape_clear();
    record("path", "first");
    record("path", "");
    record("uid", "1");
    record("uid", "");
    record("atime", "1");
    record("atime", "");
    records('x');
    head(USTAR, '0', "header", 5);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("header") && dec.entry.uid == 1000);
    CHECK(!dec.entry.atime.set);
}

typedef struct pax_time {
    const char *text;
    int ok;
    int64_t seconds;
    uint32_t nanoseconds;
} pax_time;

static const pax_time pax_times[] = {
    { "0", 1, 0, 0 },
    { "1", 1, 1, 0 },
    { "007", 1, 7, 0 },
    { "1.", 1, 1, 0 },
    { "1.000000001", 1, 1, 1 },
    { "1.0000000019", 1, 1, 1 }, /* cut, not rounded */
    { "1.9999999999999999999999999", 1, 1, 999999999 },
    { "1.5", 1, 1, 500000000 },
    { "-1", 1, -1, 0 },
    { "-0", 1, 0, 0 },
    { "-0.5", 1, -1, 500000000 },
    { "-1.25", 1, -2, 750000000 },
    { "-1.000000001", 1, -2, 999999999 },
    { "-1.0000000001", 1, -1, 0 },
    { "253402300799.999999999", 1, 253402300799, 999999999 },
    { "9223372036854775799", 1, 9223372036854775799, 0 },
    { "-9223372036854775799", 1, -9223372036854775799, 0 },
    { "9223372036854775808", 0, 0, 0 },
    { "-9223372036854775809", 0, 0, 0 },
    { "18446744073709551616", 0, 0, 0 },
    { "18446744073709551617", 0, 0, 0 },
    { "99999999999999999999999999999999", 0, 0, 0 },
    { "000000000000000000000000000000000001", 1, 1, 0 },
    { "-", 0, 0, 0 },
    { ".5", 0, 0, 0 },
    { "-.5", 0, 0, 0 },
    { ".", 0, 0, 0 },
    { "+1", 0, 0, 0 },
    { "--1", 0, 0, 0 },
    { " 1", 0, 0, 0 },
    { "1 ", 0, 0, 0 },
    { "1,5", 0, 0, 0 },
    { "1e3", 0, 0, 0 },
    { "1.5.5", 0, 0, 0 },
    { "1.-5", 0, 0, 0 },
    { "0x10", 0, 0, 0 },
    { "x", 0, 0, 0 },
    /* the greatest numbers, which the encoder writes */
    { "9223372036854775807", 1, INT64_MAX, 0 },
    { "9223372036854775800", 1, 9223372036854775800, 0 },
    { "-9223372036854775807", 1, -INT64_MAX, 0 },
    { "-9223372036854775808", 1, INT64_MIN, 0 },
    { "-9223372036854775807.5", 1, INT64_MIN, 500000000 },
};

static void test_pax_numbers(void)
{
    static const char *const times[3] = { "mtime", "atime", "ctime" };
    static const char *const numbers[3] = { "uid", "gid", "size" };
    size_t i, j;
    int code;

    for (i = 0; i < COUNT(pax_times); i++) {
        const pax_time *t = &pax_times[i];
        int whole = t->ok && strchr(t->text, '.') == NULL;

        for (j = 0; j < 3; j++) {
            const ocitar_time *got = j == 0   ? &dec.entry.mtime
                                     : j == 1 ? &dec.entry.atime
                                              : &dec.entry.ctime;

            code = local(times[j], t->text);
            CHECK(t->ok ? code == OCITAR_BLOCK_ENTRY &&
                              time_is(got, t->seconds, t->nanoseconds)
                        : refused(code));
        }
        for (j = 0; j < 3; j++) {
            const int64_t *got = j == 0   ? &dec.entry.uid
                                 : j == 1 ? &dec.entry.gid
                                          : &dec.entry.size;

            code = local(numbers[j], t->text);
            CHECK(whole && (j < 2 || t->seconds >= 0)
                      ? code == OCITAR_BLOCK_ENTRY && *got == t->seconds
                      : refused(code));
        }
    }
}

/* The size of a type that has none does not matter, but is to be a number. */
static void test_pax_size_of_a_link(void)
{
    tape_clear();
    record("size", "-5");
    records('x');
    head(USTAR, '2', "n", 5);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(dec.entry.size == 0);
    tape_clear();
    record("size", "five");
    records('x');
    head(USTAR, '2', "n", 5);
    CHECK(refused(decode()));
}

static void test_pax_nul(void)
{
    static const char *const keys[] = { "path", "linkpath", "uname",
                                        "gname" };
    size_t i;

    for (i = 0; i < COUNT(keys); i++) {
        tape_clear();
        record_of(keys[i], TEXT("a\0b"));
        records('x');
        head(USTAR, '0', "n", 0);
        CHECK(refused(decode()));
        tape_clear();
        record_of(keys[i], TEXT("a\0"));
        records('x');
        head(USTAR, '0', "n", 0);
        CHECK(refused(decode()));
    }
    tape_clear();
    record_of("uid", TEXT("1\0"));
    records('x');
    head(USTAR, '0', "n", 0);
    CHECK(refused(decode()));
    tape_clear();
    record_of("comment", TEXT("a\0b"));
    records('x');
    head(USTAR, '0', "n", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
}

static void test_pax_global(void)
{
    static const char *const bad[] = { "path", "linkpath", "size" };
    static const char *const good[] = { "comment", "mtime", "uid", "charset",
                                        "paths",   "pat",   "Size" };
    size_t i;

    for (i = 0; i < COUNT(bad); i++) {
        tape_clear();
        record("comment", "c");
        record(bad[i], "1");
        records('g');
        head(USTAR, '0', "n", 0);
        CHECK(refused(decode()));
        CHECK(at == 1024);
    }
    for (i = 0; i < COUNT(good); i++) {
        tape_clear();
        record(good[i], "1");
        records('g');
        record("uname", "root");
        records('g');
        head(USTAR, '0', "n", 7);
        CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
        CHECK(name_is("n") && owners_are("user", "group"));
        CHECK(dec.entry.uid == 1000 && dec.entry.size == 7);
        CHECK(time_is(&dec.entry.mtime, 1700000000, 0) && dec.pax_len == 0);
    }
    tape_clear(); /* between a local one and its entry; and an empty one */
    record("path", "p");
    records('x');
    record("comment", "c");
    records('g');
    meta('g', "", 0);
    head(USTAR, '0', "n", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("p"));
    tape_clear(); /* git's: a 'g', then the end */
    record("comment", "c");
    records('g');
    block();
    block();
    CHECK_CODE(decode(), OCITAR_BLOCK_END);
}

static void test_pax_empty(void)
{
    tape_clear();
    meta('x', "", 0);
    head(USTAR, '0', "n", 3);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(name_is("n") && dec.pax_len == 0);
}

typedef struct raw_pax {
    const char *text;
    size_t len;
    int count; /* of records before the end, or before the error */
    int ok;
} raw_pax;

static const raw_pax raw[] = {
    { TEXT(""), 0, 1 },
    { TEXT("6 a=b\n"), 1, 1 },
    { TEXT("6 a=b\n6 c=d\n"), 2, 1 },
    { TEXT("5 a=\n"), 1, 1 },
    { TEXT("7 a==b\n"), 1, 1 },
    { TEXT("7 a=\n\n\n"), 1, 1 },
    { TEXT("7 a=\0b\n"), 1, 1 },
    { TEXT("7 a\n=b\n"), 1, 1 },
    { TEXT("6  =b\n"), 1, 1 }, /* a key of one space */
    { TEXT("10 a=bcde\n"), 1, 1 },
    { TEXT("6 a=b\n6 c=d"), 1, 0 },     /* cut */
    { TEXT("5 a=b\n"), 0, 0 },          /* too short */
    { TEXT("6 a=bc\n"), 0, 0 },
    { TEXT("4 a=b\n"), 0, 0 },
    { TEXT("3 a=b\n"), 0, 0 },
    { TEXT("2 a=b\n"), 0, 0 },
    { TEXT("1 a=b\n"), 0, 0 },
    { TEXT("7 a=b\n"), 0, 0 },          /* too long: past the end, */
    { TEXT("7 a=b\n6 c=d\n"), 0, 0 },   /* into the next, */
    { TEXT("12 a=b\n6 c=d\n"), 0, 0 },  /* over an end that is none */
    { TEXT("0 a=b\n"), 0, 0 },
    { TEXT("06 a=b\n"), 0, 0 },         /* leading zeros */
    { TEXT("07 a=b\n"), 0, 0 },
    { TEXT("007 a=b\n"), 0, 0 },
    { TEXT("-6 a=b\n"), 0, 0 },
    { TEXT("+6 a=b\n"), 0, 0 },
    { TEXT(" 6 a=b\n"), 0, 0 },
    { TEXT("6\ta=b\n"), 0, 0 },
    { TEXT("6a=b\n"), 0, 0 },
    { TEXT("6 ab\n\n"), 0, 0 },         /* no '=' */
    { TEXT("3 \n"), 0, 0 },
    { TEXT("4 =\n"), 0, 0 },            /* no key */
    { TEXT("5 =b\n"), 0, 0 },
    { TEXT("5 a\n="), 0, 0 },
    { TEXT("6 a=b "), 0, 0 },           /* no newline */
    { TEXT("6 a=b\0"), 0, 0 },
    { TEXT("7 a\0=b\n"), 0, 0 },        /* a NUL in the key */
    { TEXT("6 \0=b\n"), 0, 0 },
    { TEXT("6 a=b\n\n"), 1, 0 },
    { TEXT("6 a=b\n\0\0\0"), 1, 0 },    /* zeros are no padding within */
    { TEXT("6"), 0, 0 },
    { TEXT("66"), 0, 0 },
    { TEXT("6 "), 0, 0 },
    { TEXT("1"), 0, 0 },
    { TEXT("\n"), 0, 0 },
    { TEXT("="), 0, 0 },
    { TEXT("a=b\n"), 0, 0 },
    { TEXT("\0"), 0, 0 },
    { TEXT("99999999999999999999999999 a=b\n"), 0, 0 },
    { TEXT("18446744073709551622 a=b\n"), 0, 0 }, /* 2^64 + 6 */
    { TEXT("4294967302 a=b\n"), 0, 0 },           /* 2^32 + 6 */
};

/* Row i from memory that ends with it (behind == 0), or goes on with what
   would make it longer. */
static void check_raw(size_t i, size_t behind)
{
    const raw_pax *r = &raw[i];
    char *copy = (char *)malloc(1 + r->len + behind);
    size_t len = r->len, left = len;
    const char *s = copy + 1;
    int n = 0, code;
    ocitar_pair p;

    if (copy == NULL)
        abort();
    copy[0] = '6';
    memcpy(copy + 1, r->text, r->len);
    memset(copy + 1 + r->len, '\n', behind);
    while ((code = ocitar_pax_next(&s, &len, &p)) == 1) {
        CHECK(p.key_len > 0 && p.key > copy && p.value > p.key);
        CHECK(s == copy + 1 + (r->len - len) && len < left);
        CHECK(p.value + p.value_len + 1 == s);
        left = len;
        n++;
    }
    if (n != r->count || code != (r->ok ? 0 : OCITAR_E_FORMAT))
        printf("raw record %u: %d, %d\n", (unsigned)i, n, code);
    CHECK(n == r->count);
    CHECK_CODE(code, r->ok ? 0 : OCITAR_E_FORMAT);
    if (code == OCITAR_E_FORMAT) /* it stays where it is */
        CHECK(len == left && ocitar_pax_next(&s, &len, &p) == code);
    free(copy);
}

static void test_pax_next(void)
{
    size_t i, len;
    ocitar_pair p;
    const char *s;

    for (i = 0; i < COUNT(raw); i++) {
        check_raw(i, 0);
        check_raw(i, 100);
    }
    s = "6 a=b\n";
    len = 6;
    CHECK_CODE(ocitar_pax_next(NULL, &len, &p), OCITAR_E_ARG);
    CHECK_CODE(ocitar_pax_next(&s, NULL, &p), OCITAR_E_ARG);
    CHECK_CODE(ocitar_pax_next(&s, &len, NULL), OCITAR_E_ARG);
    CHECK(ocitar_pax_next(&s, &len, &p) == 1);
    s = NULL;
    CHECK(ocitar_pax_next(&s, &len, &p) == 0 && p.key == NULL);
}

/* Records of every length up to 1200, where digits are gained. */
static void test_pax_lengths(void)
{
    static char value[1200];
    ocitar_pair p;
    const char *s;
    size_t n, len;

    memset(value, 'v', sizeof value);
    for (n = 0; n < sizeof value; n++) {
        pax_len = 0;
        record_of("k", value, n);
        s = pax;
        len = pax_len;
        if (ocitar_pax_next(&s, &len, &p) != 1 || len != 0 ||
            p.value_len != n || !is(p.key, p.key_len, "k")) {
            BROKEN("a record's length");
            return;
        }
    }
    CHECK(n == sizeof value);
}

/* The same through 'x' and 'g' heads. */
static void test_pax_raw_heads(void)
{
    size_t i;
    int code;

    for (i = 0; i < COUNT(raw); i++) {
        tape_clear();
        meta('x', raw[i].text, raw[i].len);
        head(USTAR, '0', "n", 0);
        code = decode();
        CHECK(raw[i].ok ? code == OCITAR_BLOCK_ENTRY : refused(code));
        tape_clear();
        meta('g', raw[i].text, raw[i].len);
        head(USTAR, '0', "n", 0);
        code = decode();
        CHECK(raw[i].ok ? code == OCITAR_BLOCK_ENTRY : refused(code));
    }
}

/* ---- order ---- */

static void test_heads_without_entry(void)
{
    static const char types[] = "xLK";
    size_t i;

    tape_clear();
    record("path", "a");
    records('x');
    record("path", "b");
    records('x');
    CHECK(refused(decode()));
    CHECK(at == 3 * 512);
    for (i = 0; i < 3; i++) {
        tape_clear();
        meta(types[i], TEXT("6 a=b\n"));
        block();
        block();
        CHECK(refused(decode()));
        CHECK(at == 3 * 512);
    }
}

static void test_end(void)
{
    tape_clear();
    block();
    CHECK_CODE(decode(), OCITAR_BLOCK_MORE);
    block();
    CHECK_CODE(decode_on(), OCITAR_BLOCK_END);
    head(USTAR, '0', "n", 0);
    CHECK_CODE(decode_on(), OCITAR_E_STATE);
    block();
    CHECK_CODE(decode_on(), OCITAR_E_STATE);
    tape_clear();
    head(USTAR, '0', "a", 0);
    block();
    head(USTAR, '0', "b", 0);
    CHECK_CODE(decode(), OCITAR_BLOCK_ENTRY);
    CHECK(refused(decode_on()));
    CHECK(at == 3 * 512);
    tape_clear(); /* nearly zero is not zero */
    block()[511] = 1;
    CHECK(refused(decode()));
    tape_clear();
    block();
    block()[0] = 1;
    CHECK(refused(decode()));
}

/* ---- what the encoder writes ---- */

static const int64_t odd_numbers[] = {
    0, 1, 07777777, 010000000, 0x7fffffff, 0xffffffff, 077777777777,
    0100000000000, 0x3fffffffffffffff, 9223372036854775798, -1, -2,
    -0x80000000LL, -9223372036854775798, INT64_MAX, INT64_MIN
};

static const uint32_t odd_nanos[] = { 0, 0, 1, 499999999, 500000000,
                                      999999999, 120000000 };

static const size_t odd_lengths[] = { 0,   1,   2,   99,  100, 101,  137,
                                      138, 155, 156, 157, 255, 256, 257,
                                      400, 512, 1000, 5000 };

static int64_t odd_number(void)
{
    return draw() & 1 ? odd_numbers[below(COUNT(odd_numbers))]
                      : (int64_t)below(070000000);
}

/* A name without NUL; NULL if it is empty. */
static const char *odd_text(char *out, size_t len, int utf8)
{
    static const char *const signs[] = { "\xc3\xa9", "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80", "\xff", "/" };
    static const char plain[] = "abcdefgh.-_ 0123=\n/";
    size_t i = 0, n;

    while (i < len) {
        if (utf8 && below(20) == 0) {
            const char *s = signs[below(COUNT(signs))];

            n = strlen(s);
            if (n <= len - i) {
                memcpy(out + i, s, n);
                i += n;
                continue;
            }
        }
        out[i++] = plain[below(sizeof plain - 1)];
    }
    out[len] = 0;
    return len > 0 ? out : NULL;
}

static size_t odd_length(size_t max)
{
    size_t n = draw() & 1 ? odd_lengths[below(COUNT(odd_lengths))]
                          : below(40);

    return n < max ? n : max;
}

static ocitar_time odd_time(void)
{
    ocitar_time t;

    t.set = below(4) != 0;
    t.seconds = odd_number();
    t.nanoseconds = odd_nanos[below(COUNT(odd_nanos))];
    return t;
}

enum { PAIRS = 4 };

typedef struct odd_entry {
    ocitar_entry e;
    ocitar_pair pairs[PAIRS];
    char text[4][5001];
    char keys[PAIRS][32], values[PAIRS][601];
} odd_entry;

static void odd_fill(odd_entry *o)
{
    static const char types[] = "0123456700000755A\0DVMXSg";
    ocitar_entry *e = &o->e;
    size_t i;

    memset(e, 0, sizeof *e);
    e->format = (uint8_t)below(3);
    e->typeflag = types[below(sizeof types - 1)];
    e->name_len = odd_length(5000);
    /* 'S' with a ustar prefix of 138 bytes: not read back, as GNU's mark for
       a longer map is there. */
    if (e->typeflag == 'S' && e->name_len > 100)
        e->name_len = 100;
    e->linkname_len = below(3) == 0 ? odd_length(5000) : 0;
    e->uname_len = below(2) == 0 ? odd_length(40) : 0;
    e->gname_len = below(2) == 0 ? odd_length(40) : 0;
    e->name = odd_text(o->text[0], e->name_len, below(3) == 0);
    e->linkname = odd_text(o->text[1], e->linkname_len, below(3) == 0);
    e->uname = odd_text(o->text[2], e->uname_len, below(3) == 0);
    e->gname = odd_text(o->text[3], e->gname_len, below(3) == 0);
    e->mode = (int64_t)below(010000000);
    if (below(3) != 0) {
        e->uid = odd_number();
        e->gid = odd_number();
        e->size = odd_number();
        e->mtime = odd_time();
        e->atime = odd_time();
        e->ctime = odd_time();
    }
    e->devmajor = (int64_t)below(010000000);
    e->devminor = 07777777;
    if (below(3) == 0) {
        e->pax = o->pairs;
        e->pax_count = below(PAIRS + 1);
    }
    for (i = 0; i < e->pax_count; i++) {
        ocitar_pair *p = &o->pairs[i];

        memset(p, 0, sizeof *p);
        sprintf(o->keys[i], "SCHILY.xattr.user.%u%u", (unsigned)i,
                (unsigned)below(1000000));
        p->key = o->keys[i];
        p->value_len = below(600);
        odd_text(o->values[i], p->value_len, 1);
        if (p->value_len > 3)
            o->values[i][below(p->value_len)] = 0;
        p->value = o->values[i];
    }
    if (e->typeflag == 'g') {
        e->linkname = e->uname = e->gname = NULL;
        e->linkname_len = e->uname_len = e->gname_len = 0;
        e->size = e->mode = e->uid = e->gid = 0;
        e->devmajor = e->devminor = 0;
        e->mtime.set = e->atime.set = e->ctime.set = 0;
    }
}

static int same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* The time that is in the archive: ANY rounds half up, USTAR drops. */
static int same_mtime(const ocitar_entry *e, const ocitar_time *got)
{
    int64_t s = e->mtime.set ? e->mtime.seconds : 0;
    uint32_t n = e->mtime.set ? e->mtime.nanoseconds : 0;

    if (e->format == OCITAR_FORMAT_ANY && n >= 500000000 && s < INT64_MAX)
        s++;
    return time_is(got, s, e->format == OCITAR_FORMAT_PAX ? n : 0);
}

static int same_time(const ocitar_entry *e, const ocitar_time *want,
                     const ocitar_time *got)
{
    if (!want->set || e->format == OCITAR_FORMAT_ANY)
        return !got->set;
    return time_is(got, want->seconds, want->nanoseconds);
}

/* Is every record of the caller's there, with its value? */
static int same_pairs(const ocitar_entry *e)
{
    size_t i, found = 0, len = dec.pax_len;
    const char *s = dec.pax;
    ocitar_pair p;
    int code;

    while ((code = ocitar_pax_next(&s, &len, &p)) == 1)
        for (i = 0; i < e->pax_count; i++)
            if (is(p.key, p.key_len, e->pax[i].key) &&
                (e->pax[i].value_len == 0
                     ? p.value_len == strlen(e->pax[i].value)
                     : same_text(p.value, p.value_len, e->pax[i].value,
                                 e->pax[i].value_len)))
                found++;
    return code == 0 && found == e->pax_count;
}

static int same_entry(const ocitar_entry *e)
{
    const ocitar_entry *d = &dec.entry;
    char type = e->typeflag;
    int slash = e->name_len > 0 && e->name[e->name_len - 1] == '/';

    if (type == 0)
        type = slash ? '5' : '0';
    return d->typeflag == type &&
           same_text(d->name, d->name_len, e->name, e->name_len) &&
           same_text(d->linkname, d->linkname_len, e->linkname,
                     e->linkname_len) &&
           same_text(d->uname, d->uname_len, e->uname, e->uname_len) &&
           same_text(d->gname, d->gname_len, e->gname, e->gname_len) &&
           d->mode == e->mode && d->uid == e->uid && d->gid == e->gid &&
           d->size == (type >= '1' && type <= '6' ? 0 : e->size) &&
           d->devmajor == e->devmajor && d->devminor == e->devminor &&
           same_mtime(e, &d->mtime) && same_time(e, &e->atime, &d->atime) &&
           same_time(e, &e->ctime, &d->ctime) && same_pairs(e) &&
           dec.sparse == (type == 'S');
}

/* Writes the entry to the tape, and a plain one behind it. */
static int encode(const ocitar_entry *e)
{
    ocitar_encoder enc;
    int code = ocitar_encoder_begin(&enc, e);

    tape_clear();
    if (code != OCITAR_OK)
        return code;
    while (ocitar_encoder_next(&enc, tape + tape_len))
        tape_len += 512;
    head(V7, '0', "next", 0);
    block();
    block();
    return OCITAR_OK;
}

static int global_path(const ocitar_entry *e)
{
    size_t i;

    for (i = 0; i < e->name_len; i++)
        if (e->name[i] & 0x80)
            return 1;
    return e->name_len > 100;
}

static void test_round_trip(void)
{
    static odd_entry o;
    int i, written = 0, globals = 0, large = 0, formats[3] = { 0, 0, 0 };

    for (i = 0; i < 40000 / CHECK_STEP; i++) {
        int code, steps = 0;
        size_t size = 512;

        odd_fill(&o);
        if (encode(&o.e) != OCITAR_OK)
            continue;
        written++;
        formats[o.e.format]++;
        while ((code = decode_in(size)) == OCITAR_E_LIMIT && steps++ < 3)
            size = dec.need;
        large += steps > 0;
        if (o.e.typeflag == 'g') {
            globals++;
            /* A name that its head cannot hold becomes a global path, in Go
               as well; the decoder does not have that. */
            if (code == OCITAR_E_FORMAT && at >= 1024 && global_path(&o.e))
                continue;
        } else {
            if (code != OCITAR_BLOCK_ENTRY || !same_entry(&o.e)) {
                printf("entry %d: type %c, %s, %s\n", i, o.e.typeflag,
                       ocitar_error_name(code), code < 0 ? dec.why : "");
                BROKEN("an entry that is not read as it was written");
                return;
            }
            code = decode_on();
        }
        if (code != OCITAR_BLOCK_ENTRY || !name_is("next") ||
            !link_is("") || dec.pax_len != 0 || dec.entry.atime.set ||
            decode_on() != OCITAR_BLOCK_END || at != tape_len) {
            printf("entry %d: type %c, %s\n", i, o.e.typeflag,
                   code < 0 ? dec.why : "");
            BROKEN("an entry that leaves something behind");
            return;
        }
    }
    CHECK(written > 15000 / CHECK_STEP && globals > 300 / CHECK_STEP);
    CHECK(i == 40000 / CHECK_STEP && large > 2000 / CHECK_STEP);
    CHECK(formats[OCITAR_FORMAT_USTAR] > 500 / CHECK_STEP);
    CHECK(formats[0] > 5000 / CHECK_STEP);
    CHECK(formats[OCITAR_FORMAT_PAX] > 5000 / CHECK_STEP);
}

/* ---- anything at all ---- */

static int within(const char *text, size_t len, size_t size)
{
    return text == NULL ? len == 0
                        : text >= room && len <= size &&
                              (size_t)(text - room) <= size - len;
}

/* Bytes of an entry's blocks are changed and its heads sealed again: whatever
   comes of it lies in the buffer, and what is refused is refused for good. */
static void test_mutated_heads(void)
{
    static odd_entry o;
    size_t size = 700, blocks, n;
    int i, entries = 0, refusals = 0, code;

    for (i = 0; i < 30000 / CHECK_STEP; i++) {
        odd_fill(&o);
        if (encode(&o.e) != OCITAR_OK)
            continue;
        blocks = tape_len / 512 - 2;
        for (n = 1 + below(4); n > 0; n--) {
            size_t where = below(3) == 0 ? below(512)
                           : below(2)    ? 100 + below(57)
                                         : below(20);

            where += 512 * below(blocks < 4 ? blocks : 4);
            tape[where] = draw() & 1 ? (unsigned char)draw()
                                     : (unsigned char)"\0 0189=\n\xff"
                                           [below(9)];
        }
        for (n = 0; n < blocks; n++)
            if (memcmp(tape + 512 * n + 257, "ustar", 5) == 0 || n == 0)
                seal(tape + 512 * n);
        code = decode_in(size);
        while (code == OCITAR_BLOCK_ENTRY) {
            const ocitar_entry *e = &dec.entry;

            entries++;
            if (!within(e->name, e->name_len, size) ||
                !within(e->linkname, e->linkname_len, size) ||
                !within(e->uname, e->uname_len, size) ||
                !within(e->gname, e->gname_len, size) ||
                !within(dec.pax, dec.pax_len, size) || e->size < 0 ||
                e->typeflag == 0 || e->mtime.nanoseconds > 999999999)
                BROKEN("an entry of changed blocks");
            code = decode_on();
        }
        if (code == OCITAR_E_FORMAT || code == OCITAR_E_LIMIT) {
            refusals++;
            at = 0;
            if (dec.why == NULL || decode_on() != OCITAR_E_STATE ||
                (code == OCITAR_E_LIMIT && dec.need <= size))
                BROKEN("a refusal of changed blocks");
        } else if (code != OCITAR_BLOCK_END && code != OCITAR_BLOCK_MORE) {
            BROKEN("a code of changed blocks");
        }
    }
    CHECK(i == 30000 / CHECK_STEP && entries > 10000 / CHECK_STEP);
    CHECK(refusals > 5000 / CHECK_STEP);
}

/* ---- the reader ---- */

/* What its functions were told, as one text: the pieces in which a body came
   do not show. They fail at call number `fail_at`. */
typedef struct story {
    check_sink text;
    int calls, fail_at, code;
} story;

static ocitar_reader reader;

static int tell(story *s, const void *data, size_t len)
{
    return check_put(&s->text, data, len);
}

static int call_of(story *s)
{
    return ++s->calls == s->fail_at ? s->code : 0;
}

static int on_entry(void *user, const ocitar_entry *e)
{
    story *s = (story *)user;
    char line[200];

    tell(s, line,
         (size_t)sprintf(line,
                         "[%c %" PRId64 " %" PRIo64 " %" PRId64 " %" PRId64
                         " %" PRId64 ".%" PRIu32 " ",
                         e->typeflag, e->size, (uint64_t)e->mode, e->uid,
                         e->gid, e->mtime.seconds, e->mtime.nanoseconds));
    tell(s, e->name, e->name_len);
    tell(s, ">", 1);
    if (e->linkname_len > 0)
        tell(s, e->linkname, e->linkname_len);
    if (e->uname_len > 0)
        tell(s, e->uname, e->uname_len);
    if (reader.decoder.pax_len > 0)
        tell(s, reader.decoder.pax, reader.decoder.pax_len);
    tell(s, "|", 1);
    return call_of(s);
}

static int on_data(void *user, const void *data, size_t len)
{
    if (len == 0)
        abort();
    tell((story *)user, data, len);
    return call_of((story *)user);
}

static int on_done(void *user)
{
    tell((story *)user, "]", 1);
    return call_of((story *)user);
}

static char reader_buffer[4096];

static ocitar_reader_desc desc_of(story *s)
{
    ocitar_reader_desc d;

    memset(&d, 0, sizeof d);
    d.buffer = reader_buffer;
    d.buffer_size = sizeof reader_buffer;
    d.entry_fn = on_entry;
    d.data_fn = on_data;
    d.done_fn = on_done;
    d.user = s;
    s->calls = 0;
    s->text.len = 0;
    return d;
}

/* Pushes the bytes in pieces and ends. */
static int read_bytes(const ocitar_reader_desc *d, const unsigned char *p,
                      size_t len, size_t piece)
{
    int e;

    memset(&reader, 0xff, sizeof reader);
    e = ocitar_reader_begin(&reader, d);
    while (len > 0 && e == OCITAR_OK) {
        size_t n = len < piece ? len : piece;

        e = ocitar_reader_push(&reader, p, n);
        p += n;
        len -= n;
    }
    if (e != ocitar_reader_push(&reader, p, 0) && e != OCITAR_OK)
        return 1;
    e = ocitar_reader_end(&reader);
    return e == ocitar_reader_end(&reader) ? e : 1;
}

/* Some of everything. Where each entry ends: at[], of which the last is the
   end mark. */
static size_t sample(size_t *ends)
{
    static unsigned char bytes[3000];
    unsigned char *b;
    size_t i, n = 0;

    for (i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    tape_clear();
    head(USTAR, '5', "d/", 0);
    ends[n++] = tape_len;
    head(V7, 0, "d/file", 700);
    body(bytes, 700);
    ends[n++] = tape_len;
    record("comment", "of the whole archive");
    records('g');
    record("path", "d/\xc3\xa9");
    record("mtime", "1.5");
    record_of("SCHILY.xattr.user.x", TEXT("\0\n"));
    records('x');
    head(USTAR, '0', "d/e", 512);
    body(bytes, 512);
    ends[n++] = tape_len;
    meta('K', "target", 6);
    meta('L', bytes + 1, 200);
    b = head(GNU, '2', "d/link", 0);
    base256(b + 136, 12, 5000000000);
    seal(b);
    ends[n++] = tape_len;
    head(USTAR, '0', "empty", 0);
    ends[n++] = tape_len;
    b = head(GNU, 'S', "sparse", 1024);
    b[482] = 1;
    seal(b);
    block();
    body(bytes, 1024);
    ends[n++] = tape_len;
    head(USTAR, '0', "one", 1);
    body("1", 1);
    ends[n++] = tape_len;
    block();
    block();
    ends[n++] = tape_len;
    body("what follows the end is not read", 33);
    return n;
}

static void test_reader_arguments(void)
{
    static story s;
    ocitar_reader_desc d = desc_of(&s);

    CHECK_CODE(ocitar_reader_begin(NULL, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_begin(&reader, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_push(&reader, "", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_end(&reader), OCITAR_E_ARG);
    d.entry_fn = NULL;
    CHECK_CODE(ocitar_reader_begin(&reader, &d), OCITAR_E_ARG);
    d = desc_of(&s);
    d.buffer = NULL;
    CHECK_CODE(ocitar_reader_begin(&reader, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_push(&reader, "", 1), OCITAR_E_ARG);
    d = desc_of(&s);
    d.buffer_size = 511;
    CHECK_CODE(ocitar_reader_begin(&reader, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_end(&reader), OCITAR_E_ARG);
    d.buffer_size = 512;
    CHECK_CODE(ocitar_reader_begin(&reader, &d), OCITAR_OK);
    CHECK_CODE(ocitar_reader_push(NULL, "", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_push(&reader, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_push(&reader, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_reader_end(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_reader_end(&reader), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_reader_push(&reader, NULL, 0), OCITAR_E_SIZE);
    CHECK(s.calls == 0);
}

static void test_reader_story(void)
{
    static story s;
    ocitar_reader_desc d = desc_of(&s);

    tape_clear();
    head(USTAR, '0', "a", 3);
    body("abc", 3);
    head(USTAR, '5', "d/", 0);
    record("uname", "root");
    records('x');
    head(USTAR, '1', "l", 99);
    fill(tape + tape_len - 512 + 157, "a", 100);
    seal(tape + tape_len - 512);
    block();
    block();
    body("behind", 6);
    CHECK_CODE(read_bytes(&d, tape, tape_len, tape_len), OCITAR_OK);
    CHECK(is((const char *)s.text.data, s.text.len,
             "[0 3 644 1000 100 1700000000.0 a>user|abc]"
             "[5 0 644 1000 100 1700000000.0 d/>user|]"
             "[1 0 644 1000 100 1700000000.0 l>aroot14 uname=root\n|]"));
    CHECK(reader.ended == 1 && reader.open == 0 && reader.entries == 3);
    CHECK(reader.offset == tape_len - 512 && reader.left == 0);
    CHECK(reader.user_code == 0 && s.calls == 7);
    d = desc_of(&s); /* without the two that may be NULL */
    d.data_fn = NULL;
    d.done_fn = NULL;
    CHECK_CODE(read_bytes(&d, tape, tape_len, 100), OCITAR_OK);
    CHECK(s.calls == 3 && reader.entries == 3);
    tape_clear(); /* an archive of nothing; and nothing at all */
    d = desc_of(&s);
    CHECK_CODE(read_bytes(&d, tape, 0, 1), OCITAR_E_SIZE);
    block();
    block();
    CHECK_CODE(read_bytes(&d, tape, tape_len, 512), OCITAR_OK);
    CHECK(s.calls == 0 && reader.entries == 0);
}

/* `start` and `open` as they are while entry_fn runs. */
static uint64_t starts[16];
static size_t start_count;

static int on_start(void *user, const ocitar_entry *entry)
{
    (void)user;
    (void)entry;
    starts[start_count++] = reader.open ? reader.start : UINT64_MAX;
    return 0;
}

static void test_reader_start(void)
{
    static story s;
    size_t ends[16], n = sample(ends), piece, i;
    ocitar_reader_desc d = desc_of(&s);

    d.entry_fn = on_start;
    for (piece = 1; piece < 1500; piece += 97) {
        start_count = 0;
        CHECK_CODE(read_bytes(&d, tape, tape_len, piece), OCITAR_OK);
        CHECK(start_count == n - 1 && starts[0] == 0);
        for (i = 1; i < n - 1; i++) {
            if (i == 2) /* behind the 'g', which is no part of it */
                CHECK(starts[i] == ends[i - 1] + 1024);
            else
                CHECK(starts[i] == ends[i - 1]);
        }
    }
}

static void test_reader_pieces(void)
{
    static story whole, s;
    size_t ends[16], n = sample(ends), piece, pos;
    ocitar_reader_desc d = desc_of(&whole);

    CHECK_CODE(read_bytes(&d, tape, tape_len, tape_len), OCITAR_OK);
    CHECK(reader.offset == ends[n - 1] && reader.entries == n - 1);
    for (piece = 1; piece <= 1030; piece++) {
        d = desc_of(&s);
        if (read_bytes(&d, tape, tape_len, piece) != OCITAR_OK ||
            reader.offset != ends[n - 1] || reader.entries != n - 1 ||
            s.text.len != whole.text.len ||
            memcmp(s.text.data, whole.text.data, s.text.len) != 0) {
            printf("pieces of %u\n", (unsigned)piece);
            BROKEN("another story in pieces");
        }
    }
    CHECK(piece == 1031);
    for (pos = 0; pos <= tape_len; pos++) { /* in two */
        d = desc_of(&s);
        memset(&reader, 0xff, sizeof reader);
        if (ocitar_reader_begin(&reader, &d) != OCITAR_OK ||
            ocitar_reader_push(&reader, tape, pos) != OCITAR_OK ||
            ocitar_reader_push(&reader, tape + pos, tape_len - pos) !=
                OCITAR_OK ||
            ocitar_reader_end(&reader) != OCITAR_OK ||
            s.text.len != whole.text.len ||
            memcmp(s.text.data, whole.text.data, s.text.len) != 0)
            BROKEN("another story in two pieces");
    }
    CHECK(pos == tape_len + 1);
    free(whole.text.data);
    free(s.text.data);
    memset(&whole, 0, sizeof whole);
    memset(&s, 0, sizeof s);
}

static void test_reader_limits(void)
{
    static story s;
    size_t ends[16], n = sample(ends), i, pieces[3] = { 1, 512, 1 << 20 };
    ocitar_reader_desc d;

    for (i = 1; i <= n; i++) {
        d = desc_of(&s);
        d.max_entries = i;
        CHECK_CODE(read_bytes(&d, tape, tape_len, 500),
                   i < n - 1 ? OCITAR_E_LIMIT : OCITAR_OK);
        CHECK(reader.entries == (i < n - 1 ? i : n - 1));
    }
    for (i = 0; i < 3; i++) {
        uint64_t m;

        /* about the edges of blocks */
        for (m = 1; m <= ends[n - 1] + 2; m += m % 512 == 2 ? 508 : 1) {
            int code;

            d = desc_of(&s);
            d.max_bytes = m;
            code = read_bytes(&d, tape, tape_len, pieces[i]);
            if (code != (m < ends[n - 1] ? OCITAR_E_LIMIT : OCITAR_OK)) {
                printf("at most %lu bytes\n", (unsigned long)m);
                BROKEN("max_bytes");
            }
        }
        CHECK(m > ends[n - 1]);
    }
    d = desc_of(&s); /* 0: a million, and all there can be */
    CHECK_CODE(read_bytes(&d, tape, tape_len, 512), OCITAR_OK);
    CHECK(reader.max_entries == 1000000 && reader.max_bytes == INT64_MAX);
    free(s.text.data);
    memset(&s, 0, sizeof s);
}

/* A body near 2^63 bytes is no trouble, it only never ends. */
static void test_reader_huge_body(void)
{
    static story s;
    ocitar_reader_desc d = desc_of(&s);
    unsigned char *b;

    tape_clear();
    b = head(GNU, '0', "huge", 0);
    base256(b + 124, 12, INT64_MAX);
    seal(b);
    block();
    block();
    CHECK_CODE(read_bytes(&d, tape, tape_len, 700), OCITAR_E_SIZE);
    CHECK(reader.left == (uint64_t)INT64_MAX - 1024 && reader.open == 1);
    CHECK(s.text.len > 1024 && s.text.data[s.text.len - 1] == 0);
}

/* Every function's code, at every call: the reading ends there. */
static void test_reader_codes(void)
{
    static story s;
    static const size_t pieces[] = { 1, 13, 512, 700, 1 << 20 };
    size_t ends[16], i;
    ocitar_reader_desc d;
    int all, k;

    sample(ends);
    for (i = 0; i < COUNT(pieces); i++) {
        s.fail_at = 0;
        d = desc_of(&s);
        CHECK_CODE(read_bytes(&d, tape, tape_len, pieces[i]), OCITAR_OK);
        all = s.calls;
        CHECK(all >= 18);
        for (k = 1; k <= all; k++) {
            s.fail_at = k;
            s.code = k % 2 ? k : -k;
            d = desc_of(&s);
            if (read_bytes(&d, tape, tape_len, pieces[i]) != OCITAR_E_HOOK ||
                reader.user_code != s.code || s.calls != k)
                BROKEN("a code that is not returned");
            if (ocitar_reader_push(&reader, tape, 512) != OCITAR_E_HOOK ||
                s.calls != k)
                BROKEN("a code that does not stay");
        }
        CHECK(k == all + 1);
    }
    free(s.text.data);
    memset(&s, 0, sizeof s);
}

/* Cut at every byte, from memory that ends there. */
static void test_reader_truncation(void)
{
    static story whole, s;
    size_t ends[16], n = sample(ends), cut;
    ocitar_reader_desc d = desc_of(&whole);
    unsigned char *copy;
    int code;

    CHECK_CODE(read_bytes(&d, tape, tape_len, tape_len), OCITAR_OK);
    for (cut = 0; cut <= tape_len; cut++) {
        size_t i;

        copy = (unsigned char *)malloc(cut + 1);
        if (copy == NULL)
            abort();
        memcpy(copy + 1, tape, cut);
        d = desc_of(&s);
        code = read_bytes(&d, copy + 1, cut, cut % 3 ? cut + 1 : 333);
        free(copy);
        if (code != (cut < ends[n - 1] ? OCITAR_E_SIZE : OCITAR_OK))
            BROKEN("a cut archive");
        for (i = 0; i < n - 1 && cut >= ends[i];)
            i++;
        if (reader.entries < i || (cut < ends[n - 1] && reader.ended) ||
            s.text.len > whole.text.len ||
            (cut >= ends[n - 1] && s.text.len < whole.text.len) ||
            (s.text.len > 0 &&
             memcmp(s.text.data, whole.text.data, s.text.len) != 0))
            BROKEN("a story of a cut archive");
    }
    CHECK(cut == tape_len + 1);
    free(whole.text.data);
    memset(&whole, 0, sizeof whole);
    free(s.text.data);
    memset(&s, 0, sizeof s);
}

/* ---- single bits ---- */

static void small_archive(void)
{
    tape_clear();
    record("mtime", "1.5");
    record_of("SCHILY.xattr.user.x", TEXT("value"));
    records('x');
    head(USTAR, '0', "file", 5);
    body("bytes", 5);
    block();
    block();
    body("behind", 6);
}

/* In bytes [from, to) of that archive, flipping a bit of `mask` goes
   unnoticed by the reader. All else it refuses. */
typedef struct unnoticed {
    size_t from, to;
    unsigned mask;
    int told; /* 1: its functions are told the difference */
} unnoticed;

static const unnoticed flips[] = {
    { 148, 149, 0x10, 0 },   /* the checksum's leading 0 becomes a blank, */
    { 154, 156, 0x20, 0 },   /* its NUL and its blank one another */
    { 515, 520, 0xff, 1 },   /* "mtime" becomes a key that nobody knows */
    { 521, 522, 0x0f, 1 },   /* digits of its value become others */
    { 523, 524, 0x07, 1 },
    { 528, 547, 0xff, 1 },   /* the key and the value of the attribute */
    { 548, 553, 0xff, 1 },
    { 554, 1024, 0xff, 0 },  /* padding */
    { 1172, 1173, 0x10, 0 }, /* the other checksum */
    { 1178, 1180, 0x20, 0 },
    { 1536, 1541, 0xff, 1 }, /* the body */
    { 1541, 2048, 0xff, 0 }, /* padding */
    { 3072, 3584, 0xff, 0 }, /* behind the end */
};

static const unnoticed *flip_at(size_t i)
{
    static const unnoticed none = { 0, 0, 0, 0 };
    size_t k;

    for (k = 0; k < COUNT(flips); k++)
        if (i >= flips[k].from && i < flips[k].to)
            return &flips[k];
    return &none;
}

static void test_flipped_bits(void)
{
    static story whole, s;
    ocitar_reader_desc d;
    size_t i;

    small_archive();
    d = desc_of(&whole);
    CHECK_CODE(read_bytes(&d, tape, tape_len, tape_len), OCITAR_OK);
    CHECK(tape_len == 3584);
    for (i = 0; i < tape_len; i++) {
        const unnoticed *want = flip_at(i);
        unsigned bit, passed = 0, told = 0;

        for (bit = 1; bit < 256; bit <<= 1) {
            int code;

            tape[i] ^= (unsigned char)bit;
            d = desc_of(&s);
            code = read_bytes(&d, tape, tape_len, bit == 1 ? 100 : tape_len);
            tape[i] ^= (unsigned char)bit;
            if (code == OCITAR_OK) {
                passed |= bit;
                if (!same_text((const char *)s.text.data, s.text.len,
                               (const char *)whole.text.data,
                               whole.text.len))
                    told |= bit;
            } else if (code != OCITAR_E_FORMAT && code != OCITAR_E_LIMIT &&
                       code != OCITAR_E_SIZE) {
                BROKEN("a code for a flipped bit");
            }
        }
        if (passed != want->mask || told != (want->told ? passed : 0)) {
            printf("byte %u: %02x pass, %02x told\n", (unsigned)i, passed,
                   told);
            BROKEN("flipped bits");
        }
    }
    CHECK(i == 3584);
    free(whole.text.data);
    free(s.text.data);
    memset(&whole, 0, sizeof whole);
    memset(&s, 0, sizeof s);
}

/* ---- what it reads, for tests/decoder_compare.py ---- */

static void put_hex(const char *text, size_t len)
{
    size_t i;

    putchar(' ');
    if (len == 0)
        putchar('-');
    for (i = 0; i < len; i++)
        printf("%02x", (unsigned)(unsigned char)text[i]);
}

/* Adler-32 of the body. */
static uint32_t adler_a, adler_b;

static int dump_entry(void *user, const ocitar_entry *e)
{
    (void)user;
    printf("%c", e->typeflag);
    put_hex(e->name, e->name_len);
    put_hex(e->linkname, e->linkname_len);
    put_hex(e->uname, e->uname_len);
    put_hex(e->gname, e->gname_len);
    printf(" %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, e->size, e->mode,
           e->uid, e->gid);
    printf(" %" PRId64 " %" PRIu32, e->mtime.seconds, e->mtime.nanoseconds);
    printf(" %" PRId64 " %" PRId64, e->devmajor, e->devminor);
    adler_a = 1;
    adler_b = 0;
    return 0;
}

static int dump_data(void *user, const void *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;

    (void)user;
    for (; len > 0; len--, p++) {
        adler_a = (adler_a + *p) % 65521;
        adler_b = (adler_b + adler_a) % 65521;
    }
    return 0;
}

static int dump_done(void *user)
{
    (void)user;
    printf(" %lu\n", (unsigned long)adler_b << 16 | adler_a);
    return 0;
}

static int dump(int count, char **files)
{
    static char buffer[1 << 20];
    unsigned char piece[1000];
    ocitar_reader_desc d;
    int i, e;

    memset(&d, 0, sizeof d);
    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.entry_fn = dump_entry;
    d.data_fn = dump_data;
    d.done_fn = dump_done;
    for (i = 0; i < count; i++) {
        FILE *f = fopen(files[i], "rb");
        size_t n;

        if (f == NULL)
            return 2;
        e = ocitar_reader_begin(&reader, &d);
        while (e == OCITAR_OK && (n = fread(piece, 1, sizeof piece, f)) > 0)
            e = ocitar_reader_push(&reader, piece, n);
        fclose(f);
        printf("%s\n", ocitar_error_name(ocitar_reader_end(&reader)));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return dump(argc - 2, argv + 2);
    test_begin_arguments();
    test_v7();
    test_ustar();
    test_ustar_full();
    test_strings_end_at_nul();
    test_prefixes();
    test_numbers();
    test_base256();
    test_checksum();
    test_empty_header();
    test_typeflag_nul();
    test_types();
    test_sparse();
    test_pax_sparse();
    test_long_names();
    test_long_name_forms();
    test_buffer_limit();
    test_buffer_limit_huge();
    test_smallest_buffer();
    test_pax_fields();
    test_pax_stays();
    test_pax_empty_values();
    test_pax_numbers();
    test_pax_size_of_a_link();
    test_pax_nul();
    test_pax_global();
    test_pax_empty();
    test_pax_next();
    test_pax_lengths();
    test_pax_raw_heads();
    test_heads_without_entry();
    test_end();
    test_round_trip();
    test_mutated_heads();
    test_reader_arguments();
    test_reader_story();
    test_reader_start();
    test_reader_pieces();
    test_reader_limits();
    test_reader_huge_body();
    test_reader_codes();
    test_reader_truncation();
    test_flipped_bits();
    free(room);
    return check_done();
}
