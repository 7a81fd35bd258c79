/* test_tar - entry heads, field by field, and pax records parsed back. */

#include "ocitar.h"
#include "check.h"

#define MIB 1048576

/* The blocks of one entry. */
typedef struct blocks {
    unsigned char *data;
    size_t len;
    int code;  /* of begin */
    int right; /* does the size announced match, and is 0 the end? */
} blocks;

static void blocks_free(blocks *b)
{
    free(b->data);
    b->data = NULL;
}

static blocks blocks_of(const ocitar_entry *entry)
{
    ocitar_encoder enc;
    unsigned char spare[512];
    size_t size;
    blocks b;

    memset(&b, 0, sizeof b);
    memset(&enc, 0xff, sizeof enc); /* from whatever was in its memory */
    b.code = ocitar_encoder_begin(&enc, entry);
    size = b.code == 0 ? ocitar_encoder_size(&enc) : 512;
    b.data = (unsigned char *)malloc(size);
    if (b.data == NULL)
        abort();
    memset(b.data, 0xa5, size); /* each block is written in full */
    while (b.len < size && ocitar_encoder_next(&enc, b.data + b.len))
        b.len += 512;
    b.right = b.len == (b.code == 0 ? size : 0) &&
              ocitar_encoder_next(&enc, spare) == 0 &&
              ocitar_encoder_next(&enc, spare) == 0;
    return b;
}

static ocitar_entry entry_of(const char *name)
{
    ocitar_entry e;

    memset(&e, 0, sizeof e);
    e.name = name;
    e.mode = 0644;
    return e;
}

/* What begin says to the entry. */
static int code_of(const ocitar_entry *e)
{
    blocks b = blocks_of(e);
    int code = b.right ? b.code : 1;

    blocks_free(&b);
    return code;
}

/* ---- a header, read by POSIX's table (pax, ustar Interchange Format) ---- */

/* An octal field: all digits but the last byte, a NUL. -1: it is not so. */
static long long octal(const unsigned char *field, size_t size)
{
    long long v = 0;
    size_t i;

    for (i = 0; i + 1 < size; i++) {
        if (field[i] < '0' || field[i] > '7')
            return -1;
        v = v * 8 + (field[i] - '0');
    }
    return field[size - 1] == 0 ? v : -1;
}

/* Is the string field this text, and zero behind it? */
static int string_is(const unsigned char *field, size_t size,
                     const char *text, size_t len)
{
    size_t i;

    if (len > size || memcmp(field, text, len) != 0)
        return 0;
    for (i = len; i < size; i++)
        if (field[i] != 0)
            return 0;
    return 1;
}

static int field_is(const unsigned char *field, size_t size, const char *text)
{
    return string_is(field, size, text, strlen(text));
}

/* Magic, version, checksum (six digits, NUL, space), and nothing in the
   last twelve bytes. */
static int sealed(const unsigned char *block)
{
    static const unsigned char end[12];
    long long sum = 0;
    size_t i;

    for (i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return memcmp(block + 257, "ustar\0" "00", 8) == 0 &&
           octal(block + 148, 7) == sum && block[155] == ' ' &&
           memcmp(block + 500, end, 12) == 0;
}

/* ---- pax data, read by POSIX's grammar: "%d %s=%s\n" ---- */

typedef struct record {
    const char *key;
    const char *value;
    size_t key_len, value_len, len;
} record;

/* Reads the record at *p; 0 if it is none. */
static int record_read(const char **p, const char *end, record *r)
{
    const char *start = *p, *equals;
    size_t len = 0;

    while (*p < end && **p >= '0' && **p <= '9')
        len = len * 10 + (size_t)(*(*p)++ - '0');
    if (*start == '0' || *p == start || *p == end || **p != ' ' ||
        len > (size_t)(end - start) || start[len - 1] != '\n')
        return 0;
    r->key = *p + 1;
    r->len = len;
    end = start + len - 1;
    equals = (const char *)memchr(r->key, '=', (size_t)(end - r->key));
    if (equals == NULL)
        return 0;
    r->key_len = (size_t)(equals - r->key);
    r->value = equals + 1;
    r->value_len = (size_t)(end - r->value);
    *p = end + 1;
    return 1;
}

/* The number of records in an entry's pax data, or -1: it has none, it does
   not parse, the keys are not in order, or what fills its last block is not
   zero. Looks for `key` and leaves its record in *found. */
static int pax_scan(const blocks *b, const char *key, record *found)
{
    const char *p, *end, *last = "";
    size_t last_len = 0;
    record r;
    int n = 0, order;

    memset(found, 0, sizeof *found);
    if (b->len < 1536 || b->data[156] != 'x')
        return -1;
    p = (const char *)b->data + 512;
    end = p + octal(b->data + 124, 12);
    for (; p < end; n++) {
        if (!record_read(&p, end, &r))
            return -1;
        order = memcmp(last, r.key,
                       last_len < r.key_len ? last_len : r.key_len);
        if (order > 0 || (order == 0 && last_len >= r.key_len))
            return -1;
        last = r.key;
        last_len = r.key_len;
        if (key != NULL && r.key_len == strlen(key) &&
            memcmp(r.key, key, r.key_len) == 0)
            *found = r;
    }
    for (; (size_t)(p - (const char *)b->data) % 512 != 0; p++)
        if (*p != 0)
            return -1;
    return (size_t)(p - (const char *)b->data) == b->len - 512 ? n : -1;
}

/* Does the entry have exactly `count` records, one of them key=value? */
static int pax_has(const blocks *b, int count, const char *key,
                   const char *value)
{
    record r;
    int n = pax_scan(b, key, &r);

    if (n != count)
        printf("%d records\n", n);
    return n == count && r.value != NULL && r.value_len == strlen(value) &&
           memcmp(r.value, value, r.value_len) == 0;
}

/* Encodes; right, of one block, and sealed? */
static int plain(const ocitar_entry *e, unsigned char block[512])
{
    blocks b = blocks_of(e);
    int ok = b.code == 0 && b.right && b.len == 512 && sealed(b.data);

    memcpy(block, b.data, 512);
    blocks_free(&b);
    return ok;
}

/* ---- one block ---- */

static void test_file_fields(void)
{
    ocitar_entry e = entry_of("usr/bin/tool");
    unsigned char h[512];

    e.mode = 04755;
    e.uid = 1000;
    e.gid = 07777777;
    e.size = 077777777777;
    e.mtime.set = 1;
    e.mtime.seconds = 1700000000;
    e.uname = "user";
    e.gname = "group";
    CHECK(plain(&e, h));
    CHECK(field_is(h, 100, "usr/bin/tool"));
    CHECK(memcmp(h + 100, "0004755\0", 8) == 0);
    CHECK(memcmp(h + 108, "0001750\0", 8) == 0);
    CHECK(memcmp(h + 116, "7777777\0", 8) == 0);
    CHECK(memcmp(h + 124, "77777777777\0", 12) == 0);
    CHECK(memcmp(h + 136, "14524770400\0", 12) == 0);
    CHECK(h[156] == '0');
    CHECK(field_is(h + 157, 100, ""));
    CHECK(field_is(h + 265, 32, "user"));
    CHECK(field_is(h + 297, 32, "group"));
    CHECK(memcmp(h + 329, "0000000\0" "0000000\0", 16) == 0);
    CHECK(field_is(h + 345, 155, ""));
}

/* The checksum, added up by hand for the smallest entry: eight spaces,
   "ustar" 559 and "00" 96, five times seven octal zeros and twice eleven,
   and the typeflag. */
static void test_checksum(void)
{
    ocitar_entry e = entry_of("a");
    unsigned char h[512];
    long long sum = 8 * 32 + 559 + 96 + (5 * 7 + 2 * 11) * 48 + '0';

    e.mode = 0;
    CHECK(plain(&e, h));
    CHECK(octal(h + 148, 7) == sum + 'a');
    CHECK(h[154] == 0 && h[155] == ' ');
    e.name = "b";
    CHECK(plain(&e, h));
    CHECK(octal(h + 148, 7) == sum + 'b');
}

static void test_link_fields(void)
{
    ocitar_entry e = entry_of("lib");
    unsigned char h[512];

    e.typeflag = '2';
    e.linkname = "usr/lib/";
    e.mode = 0777;
    CHECK(plain(&e, h));
    CHECK(h[156] == '2' && field_is(h + 157, 100, "usr/lib/"));
    CHECK(octal(h + 100, 8) == 0777 && octal(h + 124, 12) == 0);
    e.typeflag = '1';
    CHECK(plain(&e, h));
    CHECK(h[156] == '1');
}

static void test_device_fields(void)
{
    ocitar_entry e = entry_of("dev/null");
    unsigned char h[512];

    e.typeflag = '3';
    e.devmajor = 1;
    e.devminor = 07777777;
    CHECK(plain(&e, h));
    CHECK(h[156] == '3');
    CHECK(octal(h + 329, 8) == 1 && octal(h + 337, 8) == 07777777);
}

/* typeflag 0: '5' if the name ends in '/', else '0'. */
static void test_default_type(void)
{
    ocitar_entry e = entry_of("d/");
    unsigned char h[512];

    CHECK(plain(&e, h) && h[156] == '5' && field_is(h, 100, "d/"));
    e.name = "d";
    CHECK(plain(&e, h) && h[156] == '0');
    e.name = "/";
    CHECK(plain(&e, h) && h[156] == '5');
    e.name = NULL; /* NULL is "" */
    CHECK(plain(&e, h) && h[156] == '0' && h[0] == 0);
    e.name = "";
    CHECK(plain(&e, h) && h[156] == '0' && h[0] == 0);
    e.typeflag = '5';
    e.name = "d"; /* the encoder does not add the slash */
    CHECK(plain(&e, h) && h[156] == '5' && field_is(h, 100, "d"));
}

/* mtime not set: 0, whatever else is in it. */
static void test_unset_times(void)
{
    ocitar_entry e = entry_of("f");
    unsigned char h[512];

    e.mtime.seconds = 1234;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 0);
    e.mtime.seconds = -1;
    e.atime.seconds = INT64_MIN;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 0);
    e.format = OCITAR_FORMAT_PAX;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 0);
}

/* "0: no time was given, and the rest is not read" */
static void test_unset_times_are_not_read(void)
{
    ocitar_entry e = entry_of("f");
    unsigned char h[512];

    e.mtime.nanoseconds = 1000000000;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 0);
    e.mtime.nanoseconds = 0;
    e.atime.nanoseconds = UINT32_MAX;
    CHECK(plain(&e, h));
    e.atime.nanoseconds = 0;
    e.ctime.nanoseconds = UINT32_MAX;
    CHECK(plain(&e, h));
}

/* "each 0: up to the NUL"; else that many bytes, wherever a NUL is. */
static void test_lengths(void)
{
    static const char text[4] = { 'a', 'b', 'c', 'd' }; /* no NUL */
    ocitar_entry e = entry_of(text);
    unsigned char h[512];

    e.typeflag = '2';
    e.name_len = 4;
    e.linkname = text;
    e.linkname_len = 3;
    e.uname = text;
    e.uname_len = 2;
    e.gname = text;
    e.gname_len = 1;
    CHECK(plain(&e, h));
    CHECK(field_is(h, 100, "abcd") && field_is(h + 157, 100, "abc"));
    CHECK(field_is(h + 265, 32, "ab") && field_is(h + 297, 32, "a"));
    e = entry_of("name");
    e.linkname = "";
    e.uname = NULL;
    e.uname_len = 7; /* of nothing */
    CHECK(plain(&e, h) && field_is(h + 265, 32, ""));
}

static const char *letters(size_t len)
{
    static char text[5000];

    memset(text, 'n', sizeof text);
    text[len] = 0;
    return text;
}

/* String fields filled to their last byte need no NUL (POSIX), and one more
   becomes a record: 100 for names, 32 for owners. */
static void test_full_fields(void)
{
    ocitar_entry e = entry_of("f");
    unsigned char h[512];
    blocks b;

    e.typeflag = '2';
    e.linkname = letters(100);
    CHECK(plain(&e, h) && field_is(h + 157, 100, e.linkname));
    e.linkname = letters(101);
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "linkpath", letters(101)));
    CHECK(field_is(b.data + 1024 + 157, 100, letters(100)));
    blocks_free(&b);
    e.linkname = NULL;
    e.uname = letters(32);
    CHECK(plain(&e, h) && field_is(h + 265, 32, letters(32)));
    e.uname = letters(33);
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "uname", letters(33)));
    blocks_free(&b);
    e.uname = NULL;
    e.gname = letters(32);
    CHECK(plain(&e, h) && field_is(h + 297, 32, letters(32)));
    e.gname = letters(33);
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "gname", letters(33)));
    blocks_free(&b);
}

/* ---- long names ---- */

/* A name of `len` bytes with one slash, at `slash`, takes one block if and
   only if ustar holds it: 100 bytes at most, or a prefix of 1 to 155 bytes
   and after the slash 1 to 100. Checked against what POSIX says to do with
   the fields: prefix, slash, name. */
static int split_right(size_t len, size_t slash)
{
    static char name[300];
    ocitar_entry e = entry_of(name);
    size_t rest = len - slash - 1;
    int fits = slash >= 1 && slash <= 155 && rest >= 1 && rest <= 100;
    blocks b;
    record r;
    int ok;

    memset(name, 'n', sizeof name);
    name[slash] = '/';
    e.name_len = len;
    b = blocks_of(&e);
    ok = b.code == 0 && b.right;
    if (len <= 100)
        ok = ok && b.len == 512 && string_is(b.data, 100, name, len) &&
             field_is(b.data + 345, 155, "");
    else if (fits)
        ok = ok && b.len == 512 && sealed(b.data) &&
             string_is(b.data + 345, 155, name, slash) &&
             string_is(b.data, 100, name + slash + 1, rest);
    else
        ok = ok && pax_scan(&b, "path", &r) == 1 && r.value_len == len &&
             memcmp(r.value, name, len) == 0 &&
             field_is(b.data + b.len - 512 + 345, 155, "");
    blocks_free(&b);
    return ok;
}

static void test_name_split(void)
{
    size_t len, slash;

    for (len = 90; len < 270; len++) {
        int ok = 1;

        for (slash = 0; slash < len; slash++)
            if (!split_right(len, slash)) {
                printf("len %lu, slash %lu\n", (unsigned long)len,
                       (unsigned long)slash);
                ok = 0;
            }
        CHECK(ok);
    }
}

/* Names without a slash: 100 is the last that one block holds. */
static void test_name_lengths(void)
{
    static const size_t lengths[] = { 101, 155, 156, 255, 256, 257, 4096 };
    ocitar_entry e = entry_of(letters(100));
    unsigned char h[512];
    blocks b;
    size_t i;

    CHECK(plain(&e, h) && field_is(h, 100, letters(100)));
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        e.name = letters(lengths[i]);
        b = blocks_of(&e);
        CHECK(b.right && pax_has(&b, 1, "path", e.name));
        CHECK(sealed(b.data) && sealed(b.data + b.len - 512));
        CHECK(field_is(b.data + b.len - 512, 100, letters(100)));
        blocks_free(&b);
        e.name = letters(lengths[i]);
        e.format = OCITAR_FORMAT_USTAR;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        e.format = OCITAR_FORMAT_ANY;
    }
}

/* The longest that ustar holds is 155 + 1 + 100. */
static void test_name_256(void)
{
    static char name[258];
    ocitar_entry e = entry_of(name);
    unsigned char h[512];
    blocks b;

    memset(name, 'n', sizeof name);
    name[155] = '/';
    name[256] = 0;
    e.format = OCITAR_FORMAT_USTAR;
    CHECK(plain(&e, h));
    CHECK(string_is(h + 345, 155, name, 155));
    CHECK(string_is(h, 100, name + 156, 100));
    name[256] = 'n';
    name[257] = 0;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    name[256] = '/'; /* a directory of 256 bytes, its slash the 257th */
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.format = OCITAR_FORMAT_ANY;
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "path", name));
    CHECK(b.data[b.len - 512 + 156] == '5');
    blocks_free(&b);
    name[255] = '/';
    name[256] = 0;
    CHECK(plain(&e, h) && h[156] == '5');
    CHECK(string_is(h, 100, name + 156, 100));
}

/* Records of the caller's need pax, also where ustar could split the name;
   then the name is a record, too, and not split. */
static void test_split_with_records(void)
{
    static const ocitar_pair pair = { "k", "v", 0, 0 };
    static char name[121];
    ocitar_entry e = entry_of(name);
    blocks b;

    memset(name, 'n', 120);
    name[60] = '/';
    e.pax = &pair;
    e.pax_count = 1;
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right && b.len == 1536);
    CHECK(pax_has(&b, 2, "k", "v") && pax_has(&b, 2, "path", name));
    CHECK(string_is(b.data + 1024, 100, name, 100));
    CHECK(field_is(b.data + 1024 + 345, 155, ""));
    blocks_free(&b);
}

/* ---- pax heads ---- */

/* The 'x' block: its own name, no owner, no time, the length of its data. */
static void test_pax_head(void)
{
    ocitar_entry e = entry_of("dir/file");
    blocks b;

    e.uid = 07777777 + 1;
    e.gid = -1;
    e.mtime.set = 1;
    e.mtime.seconds = 5;
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right && b.len == 1536);
    CHECK(field_is(b.data, 100, "dir/PaxHeaders.0/file"));
    CHECK(octal(b.data + 100, 8) == 0 && octal(b.data + 108, 8) == 0);
    CHECK(octal(b.data + 116, 8) == 0 && octal(b.data + 136, 12) == 0);
    CHECK(octal(b.data + 124, 12) == 9 + 15);
    CHECK(b.data[156] == 'x' && sealed(b.data));
    CHECK(memcmp(b.data + 512, "9 gid=-1\n15 uid=2097152\n", 25) == 0);
    CHECK(field_is(b.data + 1024, 100, "dir/file"));
    CHECK(octal(b.data + 1024 + 108, 8) == 0); /* where pax has it */
    CHECK(octal(b.data + 1024 + 116, 8) == 0);
    CHECK(octal(b.data + 1024 + 136, 12) == 5);
    CHECK(b.data[1024 + 156] == '0' && sealed(b.data + 1024));
    blocks_free(&b);
}

static void test_pax_numbers(void)
{
    ocitar_entry e = entry_of("f");
    unsigned char h[512];
    blocks b;

    e.uid = e.gid = 07777777;
    e.size = 077777777777;
    CHECK(plain(&e, h));
    e.size++;
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "size", "8589934592"));
    CHECK(octal(b.data + 1024 + 124, 12) == 0);
    blocks_free(&b);
    e.size = INT64_MAX;
    e.uid = INT64_MAX;
    e.gid = INT64_MIN;
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 3, "size", "9223372036854775807"));
    CHECK(pax_has(&b, 3, "uid", "9223372036854775807"));
    CHECK(pax_has(&b, 3, "gid", "-9223372036854775808"));
    blocks_free(&b);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
}

/* Writes mtime as pax has it; "" if there is no record of it. */
static int mtime_is(int64_t seconds, uint32_t nanoseconds, const char *want)
{
    ocitar_entry e = entry_of("f");
    blocks b;
    int ok;

    e.format = OCITAR_FORMAT_PAX;
    e.mtime.set = 1;
    e.mtime.seconds = seconds;
    e.mtime.nanoseconds = nanoseconds;
    b = blocks_of(&e);
    ok = b.code == 0 && b.right;
    if (want[0] == 0)
        ok = ok && b.len == 512 && octal(b.data + 136, 12) == seconds;
    else
        ok = ok && pax_has(&b, 1, "mtime", want);
    blocks_free(&b);
    return ok;
}

/* Seconds and nanoseconds after them, so -1 s and 1e8 ns is -0.9. */
static void test_pax_times(void)
{
    CHECK(mtime_is(0, 0, ""));
    CHECK(mtime_is(077777777777, 0, ""));
    CHECK(mtime_is(077777777777 + INT64_C(1), 0, "8589934592"));
    CHECK(mtime_is(-1, 0, "-1"));
    CHECK(mtime_is(INT64_MIN, 0, "-9223372036854775808"));
    CHECK(mtime_is(INT64_MAX, 999999999, "9223372036854775807.999999999"));
    CHECK(mtime_is(INT64_MIN, 1, "-9223372036854775807.999999999"));
    CHECK(mtime_is(0, 1, "0.000000001"));
    CHECK(mtime_is(1, 500000000, "1.5"));
    CHECK(mtime_is(1, 120, "1.00000012"));
    CHECK(mtime_is(-1, 100000000, "-0.9"));
    CHECK(mtime_is(-1, 999999999, "-0.000000001"));
    CHECK(mtime_is(-2, 500000000, "-1.5"));
}

/* "ANY rounds mtime to seconds, half up, and drops atime and ctime." */
static void test_any_rounds(void)
{
    ocitar_entry e = entry_of("f");
    unsigned char h[512];
    blocks b;

    e.mtime.set = e.atime.set = e.ctime.set = 1;
    e.mtime.seconds = 10;
    e.atime.seconds = e.ctime.seconds = 20;
    e.mtime.nanoseconds = 499999999;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 10);
    e.mtime.nanoseconds = 500000000;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 11);
    e.mtime.nanoseconds = 999999999;
    CHECK(plain(&e, h) && octal(h + 136, 12) == 11);
    e.mtime.seconds = -1; /* half up: towards zero here */
    CHECK(plain(&e, h) && octal(h + 136, 12) == 0);
    e.mtime.seconds = 077777777777; /* and over the edge of the field */
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "mtime", "8589934592"));
    blocks_free(&b);
    e.mtime.seconds = INT64_MAX; /* but not over that of the type */
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "mtime", "9223372036854775807"));
    blocks_free(&b);
}

/* atime and ctime: "only in pax". */
static void test_all_times(void)
{
    ocitar_entry e = entry_of("f");
    blocks b;

    e.format = OCITAR_FORMAT_PAX;
    e.atime.set = 1;
    e.atime.seconds = 1;
    e.atime.nanoseconds = 1;
    e.ctime.set = 1;
    e.ctime.seconds = 2;
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 2, "atime", "1.000000001"));
    CHECK(pax_has(&b, 2, "ctime", "2"));
    blocks_free(&b);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.atime.set = 0;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.ctime.set = 0;
    CHECK_CODE(code_of(&e), OCITAR_OK);
}

static void test_not_ascii(void)
{
    ocitar_entry e = entry_of("caf\xc3\xa9");
    blocks b = blocks_of(&e);
    unsigned char h[512];

    CHECK(b.right && pax_has(&b, 1, "path", "caf\xc3\xa9"));
    CHECK(field_is(b.data, 100, "PaxHeaders.0/caf"));
    CHECK(field_is(b.data + 1024, 100, "caf"));
    blocks_free(&b);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e = entry_of("f");
    e.uname = "\x80";
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "uname", "\x80"));
    blocks_free(&b);
    e.uname = "\x7f"; /* is ASCII */
    CHECK(plain(&e, h));
}

/* A 'g' is its own entry: records, and no head after them. */
static void test_global(void)
{
    ocitar_pair pair = OCITAR_ZERO;
    ocitar_entry e = entry_of(NULL);
    blocks b;

    e.typeflag = 'g';
    e.mode = 0;
    pair.key = "comment";
    pair.value = "all";
    e.pax = &pair;
    e.pax_count = 1;
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right && b.len == 1024);
    CHECK(b.data[156] == 'g' && sealed(b.data));
    CHECK(field_is(b.data, 100, "GlobalHead.0.0"));
    CHECK(octal(b.data + 124, 12) == 15);
    CHECK(field_is(b.data + 512, 512, "15 comment=all\n"));
    blocks_free(&b);
    e.name = "pax_global";
    e.pax_count = 0;
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right && b.len == 512);
    CHECK(field_is(b.data, 100, "pax_global"));
    CHECK(octal(b.data + 124, 12) == 0);
    blocks_free(&b);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
}

/* "fields beside a 'g'": each of them is OCITAR_E_ARG. */
static void test_global_fields(void)
{
    ocitar_entry g = entry_of("g"), e;

    g.typeflag = 'g';
    g.mode = 0;
    CHECK_CODE(code_of(&g), OCITAR_OK);
    e = g, e.linkname = "x";
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.uname = "x";
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.gname = "x";
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.size = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.mode = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.uid = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.gid = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.devmajor = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.devminor = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.mtime.set = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.atime.set = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = g, e.ctime.set = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
}

/* ---- records of the caller ---- */

/* One record "k" of a value so long: its own length counts its own digits,
   and 10, 100, 1000 are lengths that no record can have. */
static size_t record_len(size_t value_len)
{
    ocitar_pair pair = OCITAR_ZERO;
    ocitar_entry e = entry_of("f");
    size_t len = 0;
    record r;
    blocks b;

    pair.key = "k";
    pair.value = letters(value_len);
    e.pax = &pair;
    e.pax_count = 1;
    b = blocks_of(&e);
    if (b.right && pax_scan(&b, "k", &r) == 1 && r.value_len == value_len &&
        memcmp(r.value, pair.value, value_len) == 0 &&
        octal(b.data + 124, 12) == (long long)r.len)
        len = r.len;
    blocks_free(&b);
    return len;
}

static void test_record_lengths(void)
{
    size_t v, digits, want;

    CHECK(record_len(0) == 5 && record_len(4) == 9 && record_len(5) == 11);
    CHECK(record_len(93) == 99 && record_len(94) == 101);
    CHECK(record_len(992) == 999 && record_len(993) == 1001);
    for (v = 0; v < 1100; v++) {
        want = v + 4; /* " k=\n", and as many digits as the sum has */
        for (digits = 1; want + digits >= (digits == 1 ? 10u : digits == 2
                         ? 100u : digits == 3 ? 1000u : 10000u); digits++)
            ;
        CHECK(record_len(v) == want + digits);
    }
}

/* Data that ends with a block, one before and one after it: 512 and 513
   bytes take one block and two. */
static void test_record_blocks(void)
{
    size_t v;

    for (v = 500; v < 1030; v++) {
        ocitar_pair pair = OCITAR_ZERO;
        ocitar_entry e = entry_of("f");
        blocks b;

        pair.key = "k";
        pair.value = letters(v);
        e.pax = &pair;
        e.pax_count = 1;
        b = blocks_of(&e);
        CHECK(b.right && b.len == 1024 + (record_len(v) + 511) / 512 * 512);
        blocks_free(&b);
    }
}

/* Sorted, whatever their order here, and merged with what is generated; keys
   and values with explicit lengths, an empty value, a NUL in a value. */
static void test_records_sorted(void)
{
    static const ocitar_pair pairs[] = {
        { "zz", "last", 0, 0 },     { "SCHILY.xattr.user.xy", "a\0b", 19, 3 },
        { "pathx", "p", 0, 0 },     { "patz", "", 3, 0 },
        { "comment", NULL, 0, 9 },  { "\xff", "\xff", 0, 0 },
        { "A", "1 x=y\n", 0, 0 }
    };
    ocitar_entry e = entry_of(letters(120));
    record r;
    blocks b;

    e.uid = -1;
    e.pax = pairs;
    e.pax_count = 7;
    b = blocks_of(&e);
    CHECK(b.right && pax_scan(&b, "SCHILY.xattr.user.x", &r) == 9);
    CHECK(r.value_len == 3 && memcmp(r.value, "a\0b", 3) == 0);
    CHECK(pax_has(&b, 9, "A", "1 x=y\n"));
    CHECK(pax_has(&b, 9, "comment", "") && pax_has(&b, 9, "pat", ""));
    CHECK(pax_has(&b, 9, "path", letters(120)));
    CHECK(pax_has(&b, 9, "pathx", "p") && pax_has(&b, 9, "uid", "-1"));
    CHECK(pax_has(&b, 9, "zz", "last") && pax_has(&b, 9, "\xff", "\xff"));
    blocks_free(&b);
}

/* Many, so that records lie across blocks in every way. */
static void test_many_records(void)
{
    enum { N = 500 };
    static char keys[N][8];
    static ocitar_pair pairs[N];
    ocitar_entry e = entry_of("f");
    char value[200];
    blocks b;
    int i;

    memset(value, 'v', sizeof value);
    for (i = 0; i < N; i++) {
        sprintf(keys[i], "k%03d", i * 7 % N);
        pairs[i].key = keys[i];
        pairs[i].value = value;
        pairs[i].value_len = (size_t)(i * 7 % N) % 199 + 1;
    }
    e.pax = pairs;
    e.pax_count = N;
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right);
    for (i = 0; i < N; i++) {
        record r;

        CHECK(pax_scan(&b, keys[i], &r) == N &&
              r.value_len == pairs[i].value_len);
    }
    blocks_free(&b);
}

/* What contradicts a field is left out, what agrees with one is written. */
static void test_records_beside_fields(void)
{
    ocitar_pair pair = OCITAR_ZERO;
    ocitar_entry e = entry_of("f");
    unsigned char h[512];
    blocks b;

    e.pax = &pair;
    e.pax_count = 1;
    pair.key = "path";
    pair.value = "other";
    CHECK(plain(&e, h));
    pair.value = "f";
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "path", "f"));
    blocks_free(&b);
    pair.key = "uid";
    pair.value = "0";
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "uid", "0"));
    blocks_free(&b);
    pair.value = "1";
    CHECK(plain(&e, h));
    pair.key = "GNU.sparse.map";
    CHECK(plain(&e, h));
    pair.key = "GNU.sparse.";
    CHECK(plain(&e, h));
    pair.key = "GNU.sparse";
    b = blocks_of(&e);
    CHECK(b.right && pax_has(&b, 1, "GNU.sparse", "1"));
    blocks_free(&b);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
}

/* ---- refusals ---- */

static ocitar_entry with_pairs(const ocitar_pair *pairs, size_t count)
{
    ocitar_entry e = entry_of("f");

    e.pax = pairs;
    e.pax_count = count;
    return e;
}

static int pair_code(const char *key, size_t key_len, const char *value,
                     size_t value_len)
{
    static ocitar_pair pair;
    ocitar_entry e = with_pairs(&pair, 1);

    pair.key = key;
    pair.key_len = key_len;
    pair.value = value;
    pair.value_len = value_len;
    return code_of(&e);
}

static void test_bad_keys(void)
{
    CHECK_CODE(pair_code("k", 0, "v", 0), OCITAR_OK);
    CHECK_CODE(pair_code("", 0, "v", 0), OCITAR_E_ARG);
    CHECK_CODE(pair_code("=", 0, "v", 0), OCITAR_E_ARG);
    CHECK_CODE(pair_code("k=", 0, "v", 0), OCITAR_E_ARG);
    CHECK_CODE(pair_code("k=", 1, "v", 0), OCITAR_OK);
    CHECK_CODE(pair_code("k\0x", 3, "v", 0), OCITAR_E_ARG);
    CHECK_CODE(pair_code("k", 0, "v=w", 0), OCITAR_OK);
    CHECK_CODE(pair_code("k", 0, "v\0w", 3), OCITAR_OK);
}

/* A NULL key is as empty as "". Wherever it stands, it is refused, and does
   not hide the others. */
static void test_null_keys(void)
{
    static const ocitar_pair first[] = { { NULL, "x", 0, 0 },
                                         { "a", "1", 0, 0 } };
    static const ocitar_pair last[] = { { "a", "1", 0, 0 },
                                        { NULL, "x", 0, 0 } };
    static const ocitar_pair empty[] = { { "a", "1", 0, 0 },
                                         { "", "x", 0, 0 } };
    ocitar_entry e = with_pairs(empty, 2);

    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    CHECK_CODE(pair_code(NULL, 0, "v", 0), OCITAR_E_ARG);
    CHECK_CODE(pair_code(NULL, 3, "v", 0), OCITAR_E_ARG);
    e = with_pairs(first, 2);
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e = with_pairs(last, 2);
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
}

/* OCITAR_E_NAME: a NUL in one of the four strings, as field or as record. */
static void test_nul_in_strings(void)
{
    static const ocitar_pair link = { "linkpath", "a\0", 0, 2 };
    ocitar_entry e = entry_of("a\0b");

    CHECK_CODE(code_of(&e), OCITAR_OK); /* "a" */
    e.name_len = 3;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e.format = OCITAR_FORMAT_USTAR;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e.format = OCITAR_FORMAT_PAX;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e = entry_of("f");
    e.linkname = "\0";
    e.linkname_len = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e = entry_of("f");
    e.uname = "u\0";
    e.uname_len = 2;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e = entry_of("f");
    e.gname = "\0g";
    e.gname_len = 2;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
    e = entry_of("g");
    e.typeflag = 'g';
    e.mode = 0;
    e.pax = &link;
    e.pax_count = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_NAME);
}

/* OCITAR_E_NAME: a '/' at the end of a name of a type that has a body, or is
   a device or fifo. */
static void test_slash_at_end(void)
{
    const char *types = "0346S", *others = "1257gA";
    ocitar_entry e = entry_of("n/");
    size_t i;

    e.mode = 0;
    for (i = 0; types[i] != 0; i++) {
        e.typeflag = types[i];
        CHECK_CODE(code_of(&e), OCITAR_E_NAME);
        e.name_len = 1;
        CHECK_CODE(code_of(&e), OCITAR_OK);
        e.name_len = 0;
    }
    for (i = 0; others[i] != 0; i++) {
        e.typeflag = others[i];
        CHECK_CODE(code_of(&e), OCITAR_OK);
    }
}

static void test_typeflags(void)
{
    ocitar_entry e = entry_of("n");

    e.typeflag = 'x';
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e.typeflag = 'L';
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e.typeflag = 'K';
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e.typeflag = '7';
    CHECK_CODE(code_of(&e), OCITAR_OK);
    e.typeflag = (char)0xff;
    CHECK_CODE(code_of(&e), OCITAR_OK);
}

/* "0..07777777, as are the next four"; a greater uid or gid is a record. */
static void test_ranges(void)
{
    ocitar_entry e = entry_of("f");
    int64_t *field[3];
    int i;

    field[0] = &e.mode;
    field[1] = &e.devmajor;
    field[2] = &e.devminor;
    for (i = 0; i < 3; i++) {
        *field[i] = 07777777;
        CHECK_CODE(code_of(&e), OCITAR_OK);
        *field[i] = 07777777 + 1;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        *field[i] = INT64_MAX;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        *field[i] = -1;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        *field[i] = 0;
    }
    e.size = -1;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.size = INT64_MIN;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.typeflag = '7';
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
    e.typeflag = 'A';
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
}

static void test_nanoseconds(void)
{
    ocitar_entry e = entry_of("f");
    ocitar_time *time[3];
    int i;

    time[0] = &e.mtime;
    time[1] = &e.atime;
    time[2] = &e.ctime;
    for (i = 0; i < 3; i++) {
        time[i]->set = 1;
        e.format = OCITAR_FORMAT_PAX;
        time[i]->nanoseconds = 999999999;
        CHECK_CODE(code_of(&e), OCITAR_OK);
        time[i]->nanoseconds = 1000000000;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        time[i]->nanoseconds = UINT32_MAX;
        CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
        time[i]->nanoseconds = 0;
    }
    e.mtime.nanoseconds = 1000000000;
    e.format = OCITAR_FORMAT_ANY;
    CHECK_CODE(code_of(&e), OCITAR_E_RANGE);
}

static void test_duplicates(void)
{
    ocitar_pair pairs[3] = { { "a", "1", 0, 0 }, { "b", "2", 0, 0 },
                             { "a", "1", 0, 0 } };
    ocitar_entry e = with_pairs(pairs, 3);

    CHECK_CODE(code_of(&e), OCITAR_E_DUPLICATE);
    e.pax_count = 2;
    CHECK_CODE(code_of(&e), OCITAR_OK);
    pairs[1].key = "ab";
    pairs[1].key_len = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_DUPLICATE);
    pairs[1].key_len = 2;
    CHECK_CODE(code_of(&e), OCITAR_OK);
    pairs[0].key = pairs[1].key = "path"; /* though neither is written */
    pairs[1].key_len = 0;
    CHECK_CODE(code_of(&e), OCITAR_E_DUPLICATE);
}

/* The whole of the records is 1 MiB at most. */
static void test_mebibyte(void)
{
    static char value[MIB];
    ocitar_pair pairs[2] = { { "k", value, 0, 0 }, { "l", "", 0, 0 } };
    ocitar_entry e = with_pairs(pairs, 1);
    record r;
    blocks b;

    memset(value, 'v', sizeof value);
    pairs[0].value_len = MIB - 7 - 4; /* "1048576 k=...\n" */
    b = blocks_of(&e);
    CHECK(b.code == 0 && b.right && b.len == MIB + 1024);
    CHECK(pax_scan(&b, "k", &r) == 1 && r.len == MIB);
    blocks_free(&b);
    pairs[0].value_len++;
    CHECK_CODE(code_of(&e), OCITAR_E_LIMIT);
    pairs[0].value_len = MIB - 7 - 4 - 5; /* and "5 l=\n" */
    e.pax_count = 2;
    CHECK_CODE(code_of(&e), OCITAR_OK);
    pairs[0].value_len++;
    CHECK_CODE(code_of(&e), OCITAR_E_LIMIT);
    e = entry_of(value); /* a name counts, too */
    e.name_len = MIB - 7 - 7;
    CHECK_CODE(code_of(&e), OCITAR_OK);
    e.name_len++;
    CHECK_CODE(code_of(&e), OCITAR_E_LIMIT);
}

static void test_arguments(void)
{
    ocitar_entry e = entry_of("f");
    ocitar_encoder enc;
    unsigned char h[512];

    CHECK_CODE(ocitar_encoder_begin(NULL, &e), OCITAR_E_ARG);
    CHECK_CODE(ocitar_encoder_begin(&enc, NULL), OCITAR_E_ARG);
    CHECK(ocitar_encoder_next(&enc, h) == 0);
    CHECK(ocitar_encoder_size(&enc) == 0);
    e.format = 3;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e.format = 255;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    e.format = OCITAR_FORMAT_PAX;
    CHECK(plain(&e, h)); /* asked for, and not needed */
    e.pax_count = 1;
    CHECK_CODE(code_of(&e), OCITAR_E_ARG);
    memset(&enc, 0, sizeof enc);
    CHECK(ocitar_encoder_next(&enc, h) == 0);
    CHECK(ocitar_encoder_size(&enc) == 0);
    CHECK(ocitar_encoder_next(NULL, h) == 0);
}

int main(void)
{
    (void)check_put;
    test_file_fields();
    test_checksum();
    test_link_fields();
    test_device_fields();
    test_default_type();
    test_unset_times();
    test_unset_times_are_not_read();
    test_lengths();
    test_full_fields();
    test_name_split();
    test_name_lengths();
    test_name_256();
    test_split_with_records();
    test_pax_head();
    test_pax_numbers();
    test_pax_times();
    test_any_rounds();
    test_all_times();
    test_not_ascii();
    test_global();
    test_global_fields();
    test_record_lengths();
    test_record_blocks();
    test_records_sorted();
    test_many_records();
    test_records_beside_fields();
    test_bad_keys();
    test_null_keys();
    test_nul_in_strings();
    test_slash_at_end();
    test_typeflags();
    test_ranges();
    test_nanoseconds();
    test_duplicates();
    test_mebibyte();
    test_arguments();
    return check_done();
}
