/* test_json - the JSON tokenizer: tokens, refusals, limits, pieces.
   `test_json dump FILE` reads documents as "LENGTH\n" and their bytes, and
   prints what becomes of each on a line. */

#include "ocitar.h"
#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* A text with its length, so that it may have NULs. */
#define TEXT(s) s, sizeof(s) - 1

/* A failure deep in a loop, whose checks are not counted one by one. */
#define BROKEN(what)                                                          \
    (check_failed++, printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, what))

/* ---- tokens, as a text ---- */

/* token_fn fails at call number `fail_at` (from 1) with `code`. */
typedef struct tokens {
    check_sink text;
    int calls, fail_at, code;
    int parts;  /* how many OCITAR_JSON_PART came */
    int inside; /* in a string whose first parts came */
} tokens;

static void add(tokens *t, const char *text, size_t len)
{
    if (len > 0)
        check_put(&t->text, text, len);
}

/* "{" "}" "[" "]", k s n with their text in <>, T F N. A string in parts
   becomes the text of its parts. The kind stands at the end. */
static int on_token(void *user, int token, const char *text, size_t len)
{
    static const char signs[] = "{}[]ksnTFN";
    tokens *t = (tokens *)user;
    int with_text = token == OCITAR_JSON_KEY || token == OCITAR_JSON_STRING ||
                    token == OCITAR_JSON_NUMBER || token == OCITAR_JSON_PART;

    if (!with_text && (len != 0 || t->inside))
        BROKEN("text with a token that has none");
    if (with_text && !t->inside)
        add(t, "<", 1);
    add(t, text, len);
    t->inside = token == OCITAR_JSON_PART;
    t->parts += t->inside;
    if (with_text && !t->inside)
        add(t, ">", 1);
    if (!t->inside)
        add(t, signs + token, 1);
    return ++t->calls == t->fail_at ? t->code : 0;
}

static ocitar_json json;
static tokens out;
static char *buffer;
static size_t buffer_size = 64;
static uint64_t slots[256];
static size_t slot_count = 256;
static uint32_t depth_max = 63; /* of 64 see test_depth */

static int begin(void)
{
    free(buffer);
    buffer = (char *)malloc(buffer_size); /* its end is watched */
    if (buffer == NULL)
        abort();
    out.text.len = 0;
    out.calls = 0;
    out.parts = 0;
    out.inside = 0;
    memset(&json, 0, sizeof json);
    json.token_fn = on_token;
    json.user = &out;
    json.buffer = buffer;
    json.capacity = buffer_size;
    json.seen = slot_count > 0 ? slots : NULL;
    json.seen_capacity = slot_count;
    json.depth_max = depth_max;
    return ocitar_json_begin(&json);
}

/* Pushes the bytes in pieces and ends; the error stays. */
static int read_pieces(const char *s, size_t len, size_t piece)
{
    int e = begin(), calls;

    while (len > 0 && e == OCITAR_OK) {
        size_t n = len < piece ? len : piece;

        e = ocitar_json_push(&json, s, n);
        s += n;
        len -= n;
    }
    calls = out.calls;
    if (e != OCITAR_OK &&
        (ocitar_json_push(&json, "1", 1) != e ||
         ocitar_json_push(&json, "", 0) != e || ocitar_json_end(&json) != e ||
         out.calls != calls))
        BROKEN("an error that does not stay");
    e = ocitar_json_end(&json);
    if (ocitar_json_end(&json) != e)
        BROKEN("two ends");
    return e;
}

static int read_text(const char *s, size_t len)
{
    return read_pieces(s, len, len + 1);
}

static int out_is(const char *want, size_t len)
{
    int same = out.text.len == len &&
               (len == 0 || memcmp(out.text.data, want, len) == 0);

    if (!same)
        printf("%.*s\n", (int)out.text.len, (const char *)out.text.data);
    return same;
}

/* Is it read, and as these tokens? */
static int gives(const char *s, const char *want)
{
    return read_text(s, strlen(s)) == OCITAR_OK && out_is(want, strlen(want));
}

/* ---- values ---- */

static void test_values(void)
{
    CHECK(gives("null", "N"));
    CHECK(gives("true", "T"));
    CHECK(gives("false", "F"));
    CHECK(gives("0", "<0>n"));
    CHECK(gives("-1.5e+10", "<-1.5e+10>n"));
    CHECK(gives("\"\"", "<>s"));
    CHECK(gives("\"a b\"", "<a b>s"));
    CHECK(gives("{}", "{}"));
    CHECK(gives("[]", "[]"));
    CHECK(gives("[[],{},[[]]]", "[[]{}[[]]]"));
    CHECK(gives("{\"a\":1}", "{<a>k<1>n}"));
    CHECK(gives("{\"\":{\"b\":[null,true,false,\"x\",0]},\"c\":[]}",
                "{<>k{<b>k[NTF<x>s<0>n]}<c>k[]}"));
    CHECK(gives("[1,2,3]", "[<1>n<2>n<3>n]"));
    CHECK(gives("[\"a\",\"a\"]", "[<a>s<a>s]"));
    CHECK(json.unseen == 0);
}

static void test_white_space(void)
{
    static const char not_space[] = "\0\1\v\f\b\x1f\x7f/#,:;";
    char text[3] = { '1', 0, 0 };
    size_t i;

    CHECK(gives(" \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n1 \t\r\n, \t\r\n\"b\" : [ "
                "\t\r\n] \t\r\n} \t\r\n",
                "{<a>k<1>n<b>k[]}"));
    CHECK(gives("[ 1 , 2 ]", "[<1>n<2>n]"));
    CHECK(gives("\r0\r", "<0>n"));
    for (i = 0; i < sizeof not_space - 1; i++) {
        text[1] = not_space[i];
        CHECK_CODE(read_text(text, 2), OCITAR_E_FORMAT);
        CHECK_CODE(read_text(text + 1, 1), OCITAR_E_FORMAT);
    }
    CHECK_CODE(read_text(TEXT("1\xc2\xa0")), OCITAR_E_FORMAT);
    CHECK_CODE(read_text(TEXT("\xe2\x80\xa8")), OCITAR_E_FORMAT);
    CHECK_CODE(read_text(TEXT("\xef\xbb\xbf{}")), OCITAR_E_FORMAT); /* BOM */
}

typedef struct row {
    const char *text;
    size_t len;
    int code;
} row;

static const row malformed[] = {
    { TEXT(""), OCITAR_E_FORMAT },
    { TEXT(" \n"), OCITAR_E_FORMAT },
    { TEXT("nul"), OCITAR_E_FORMAT },
    { TEXT("nulL"), OCITAR_E_FORMAT },
    { TEXT("nulll"), OCITAR_E_FORMAT },
    { TEXT("n ull"), OCITAR_E_FORMAT },
    { TEXT("Null"), OCITAR_E_FORMAT },
    { TEXT("tru"), OCITAR_E_FORMAT },
    { TEXT("True"), OCITAR_E_FORMAT },
    { TEXT("truefalse"), OCITAR_E_FORMAT },
    { TEXT("true false"), OCITAR_E_FORMAT },
    { TEXT("true\0"), OCITAR_E_FORMAT },
    { TEXT("fals"), OCITAR_E_FORMAT },
    { TEXT("false1"), OCITAR_E_FORMAT },
    { TEXT("NaN"), OCITAR_E_FORMAT },
    { TEXT("Infinity"), OCITAR_E_FORMAT },
    { TEXT("-Infinity"), OCITAR_E_FORMAT },
    { TEXT("undefined"), OCITAR_E_FORMAT },
    { TEXT("'a'"), OCITAR_E_FORMAT },
    { TEXT("a"), OCITAR_E_FORMAT },
    { TEXT("{"), OCITAR_E_FORMAT },
    { TEXT("["), OCITAR_E_FORMAT },
    { TEXT("}"), OCITAR_E_FORMAT },
    { TEXT("]"), OCITAR_E_FORMAT },
    { TEXT(","), OCITAR_E_FORMAT },
    { TEXT(":"), OCITAR_E_FORMAT },
    { TEXT("\""), OCITAR_E_FORMAT },
    { TEXT("[}"), OCITAR_E_FORMAT },
    { TEXT("{]"), OCITAR_E_FORMAT },
    { TEXT("[1}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1]"), OCITAR_E_FORMAT },
    { TEXT("[[]"), OCITAR_E_FORMAT },
    { TEXT("[]]"), OCITAR_E_FORMAT },
    { TEXT("{}}"), OCITAR_E_FORMAT },
    { TEXT("{}{}"), OCITAR_E_FORMAT },
    { TEXT("[][]"), OCITAR_E_FORMAT },
    { TEXT("[],"), OCITAR_E_FORMAT },
    { TEXT("[]:"), OCITAR_E_FORMAT },
    { TEXT("1 2"), OCITAR_E_FORMAT },
    { TEXT("1,2"), OCITAR_E_FORMAT },
    { TEXT("\"a\"\"b\""), OCITAR_E_FORMAT },
    { TEXT("[1,]"), OCITAR_E_FORMAT },
    { TEXT("[,1]"), OCITAR_E_FORMAT },
    { TEXT("[,]"), OCITAR_E_FORMAT },
    { TEXT("[1,,2]"), OCITAR_E_FORMAT },
    { TEXT("[1 2]"), OCITAR_E_FORMAT },
    { TEXT("[1:2]"), OCITAR_E_FORMAT },
    { TEXT("[\"a\":2]"), OCITAR_E_FORMAT },
    { TEXT("[1"), OCITAR_E_FORMAT },
    { TEXT("[1,"), OCITAR_E_FORMAT },
    { TEXT("{,}"), OCITAR_E_FORMAT },
    { TEXT("{1:2}"), OCITAR_E_FORMAT },
    { TEXT("{a:2}"), OCITAR_E_FORMAT },
    { TEXT("{null:2}"), OCITAR_E_FORMAT },
    { TEXT("{[]:2}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\"}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\",1}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\" 1}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\"::1}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1,}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1 \"b\":2}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1:2}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1,2}"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":1"), OCITAR_E_FORMAT },
    { TEXT("{\"a\":"), OCITAR_E_FORMAT },
    { TEXT("{\"a\""), OCITAR_E_FORMAT },
    { TEXT("{\"a"), OCITAR_E_FORMAT },
    { TEXT("// c\n1"), OCITAR_E_FORMAT },
    { TEXT("/* c */1"), OCITAR_E_FORMAT },
    { TEXT("1#"), OCITAR_E_FORMAT },
    { TEXT("\0"), OCITAR_E_FORMAT },
    { TEXT("1\0"), OCITAR_E_FORMAT },
};

static void test_malformed(void)
{
    size_t i, j;

    for (i = 0; i < COUNT(malformed); i++) {
        CHECK_CODE(read_text(malformed[i].text, malformed[i].len),
                   malformed[i].code);
        for (j = 1; j < 4; j++)
            CHECK_CODE(read_pieces(malformed[i].text, malformed[i].len, j),
                       malformed[i].code);
    }
}

/* ---- numbers ---- */

static const char *const good_numbers[] = {
    "0", "-0", "1", "-1", "10", "9", "1234567890", "0.0", "-0.0", "0.1",
    "1.0", "1.25", "10.00", "0e0", "0E0", "1e1", "1E1", "1e+1", "1e-1",
    "1E+01", "1e00", "-1.5e-10", "0.0e0", "123.456e789",
    "123456789012345678901234567890123456789012345678901234567890",
    "0.00000000000000000000000000000000000000000000000000000000001",
    "1e99999"
};

static const char *const bad_numbers[] = {
    "-", "+", "+1", "--1", "-+1", "- 1", "-a", "00", "01", "-01", "-00",
    "0x1", "0b1", "1a", "1_0", "1 0", ".", ".5", "-.5", "1.", "-1.", "0.",
    "1.e1", "1..2", "1.2.3", "1.a", "1.-1", "e1", "1e", "1E", "1e+", "1e-",
    "1e+-1", "1e1.5", "1e1e1", "1ee1", "1e 1", "1,0", "1f", "1L", "0-1",
    "1-1", "1+1", "-e1", "-0e", "0.0.", "0e", "\xd9\xa1"
};

static void test_numbers(void)
{
    char text[200], want[200];
    size_t i, j;

    for (i = 0; i < COUNT(good_numbers); i++) {
        sprintf(want, "<%s>n", good_numbers[i]);
        CHECK(gives(good_numbers[i], want));
        sprintf(text, "[%s,%s]", good_numbers[i], good_numbers[i]);
        sprintf(want, "[<%s>n<%s>n]", good_numbers[i], good_numbers[i]);
        CHECK(gives(text, want));
        sprintf(text, "{\"k\":%s\n}", good_numbers[i]);
        sprintf(want, "{<k>k<%s>n}", good_numbers[i]);
        CHECK(gives(text, want));
    }
    for (i = 0; i < COUNT(bad_numbers); i++)
        for (j = 0; j < 3; j++) {
            sprintf(text, j == 0 ? "%s" : j == 1 ? "[%s]" : "{\"k\":%s}",
                    bad_numbers[i]);
            if (j > 0 && strcmp(bad_numbers[i], "1,0") == 0 && j == 1)
                continue; /* which is two */
            CHECK_CODE(read_text(text, strlen(text)), OCITAR_E_FORMAT);
        }
}

/* The end of the input ends a number at the root, and only there. */
static void test_number_at_the_root(void)
{
    CHECK_CODE(begin(), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, "12", 2), OCITAR_OK);
    CHECK(out.calls == 0);
    CHECK_CODE(ocitar_json_push(&json, "3", 1), OCITAR_OK);
    CHECK(out.calls == 0);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
    CHECK(out.calls == 1 && out_is("<123>n", 6));
    CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
    CHECK(out.calls == 1);
    CHECK_CODE(begin(), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, "12 ", 3), OCITAR_OK);
    CHECK(out.calls == 1);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
    CHECK(out.calls == 1);
    out.fail_at = 1; /* the end's own call can fail */
    out.code = OCITAR_E_INVALID;
    CHECK_CODE(begin(), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, "12", 2), OCITAR_OK);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_E_INVALID);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_E_INVALID);
    out.fail_at = 0;
}

/* ---- strings ---- */

static void test_escapes(void)
{
    static const char good[] = "\"\\/bfnrtu";
    char text[5] = "\"\\?\"";
    int c;

    CHECK(gives("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "<\"\\/\b\f\n\r\t>s"));
    CHECK(gives("\"\\u0041\\u00e9\\u00E9\\u20aC\\uFFFF\\ud7ff\\uE000\"",
                "<A\xc3\xa9\xc3\xa9\xe2\x82\xac\xef\xbf\xbf\xed\x9f\xbf"
                "\xee\x80\x80>s"));
    CHECK(gives("\"\\u0080\\u07ff\\u0800\\u007f\\u0001\"",
                "<\xc2\x80\xdf\xbf\xe0\xa0\x80\x7f\x01>s"));
    CHECK_CODE(read_text(TEXT("\"a\\u0000b\"")), OCITAR_OK);
    CHECK(out_is("<a\0b>s", 6));
    CHECK(gives("\"\\ud83d\\ude00\\uD800\\uDC00\\udbff\\udfff\"",
                "<\xf0\x9f\x98\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf>s"));
    CHECK(gives("{\"\\u0061\\n\":\"\\\\u0061\"}", "{<a\n>k<\\u0061>s}"));
    for (c = 0; c < 256; c++) {
        text[2] = (char)c;
        if (c != 0 && strchr(good, c) != NULL)
            continue;
        CHECK_CODE(read_text(text, 4), OCITAR_E_FORMAT);
    }
    text[2] = 'u';
    CHECK_CODE(read_text(text, 4), OCITAR_E_FORMAT);
}

static void test_hex_digits(void)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    char text[9] = "\"\\u0000\"";
    int c, i;

    for (i = 3; i < 7; i++) {
        for (c = 0; c < 256; c++) {
            int good = c != 0 && strchr(hex, c) != NULL;

            memcpy(text + 3, "0000", 4);
            text[i] = (char)c;
            if (read_text(text, 8) != (good ? OCITAR_OK : OCITAR_E_FORMAT))
                BROKEN("a hex digit");
        }
        CHECK(c == 256);
    }
}

static const row surrogates[] = {
    { TEXT("\"\\ud800\""), OCITAR_E_UTF8 },
    { TEXT("\"\\udbff\""), OCITAR_E_UTF8 },
    { TEXT("\"\\udc00\""), OCITAR_E_UTF8 },
    { TEXT("\"\\udfff\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800x\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\xc3\xa9\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\n\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\\\udc00\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\u0041\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\ue000\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\ud800\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\ud800\\udc00\""), OCITAR_E_UTF8 },
    { TEXT("\"\\udc00\\ud800\""), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\\udc00\\udc00\""), OCITAR_E_UTF8 },
    { TEXT("{\"\\ud800\":1}"), OCITAR_E_UTF8 },
    { TEXT("\"\\ud800\n\""), OCITAR_E_UTF8 },
    { TEXT("\"\xf0\x9f\x98\x80\""), OCITAR_OK },
};

/* In a string: one and the same in a key. */
static const row sequences[] = {
    { TEXT("\x7f"), OCITAR_OK },
    { TEXT("\xc2\x80"), OCITAR_OK },
    { TEXT("\xdf\xbf"), OCITAR_OK },
    { TEXT("\xe0\xa0\x80"), OCITAR_OK },
    { TEXT("\xed\x9f\xbf"), OCITAR_OK },
    { TEXT("\xee\x80\x80"), OCITAR_OK },
    { TEXT("\xef\xbf\xbf"), OCITAR_OK },
    { TEXT("\xf0\x90\x80\x80"), OCITAR_OK },
    { TEXT("\xf3\xbf\xbf\xbf"), OCITAR_OK },
    { TEXT("\xf4\x8f\xbf\xbf"), OCITAR_OK },
    { TEXT("\x80"), OCITAR_E_UTF8 }, /* without a first byte */
    { TEXT("\xbf"), OCITAR_E_UTF8 },
    { TEXT("a\x80"), OCITAR_E_UTF8 },
    { TEXT("\xc2\x80\x80"), OCITAR_E_UTF8 },
    { TEXT("\xc0\x80"), OCITAR_E_UTF8 }, /* overlong */
    { TEXT("\xc0\xaf"), OCITAR_E_UTF8 },
    { TEXT("\xc1\xbf"), OCITAR_E_UTF8 },
    { TEXT("\xe0\x80\x80"), OCITAR_E_UTF8 },
    { TEXT("\xe0\x9f\xbf"), OCITAR_E_UTF8 },
    { TEXT("\xf0\x80\x80\x80"), OCITAR_E_UTF8 },
    { TEXT("\xf0\x8f\xbf\xbf"), OCITAR_E_UTF8 },
    { TEXT("\xed\xa0\x80"), OCITAR_E_UTF8 }, /* surrogates */
    { TEXT("\xed\xbf\xbf"), OCITAR_E_UTF8 },
    { TEXT("\xed\xa0\xbd\xed\xb8\x80"), OCITAR_E_UTF8 },
    { TEXT("\xf4\x90\x80\x80"), OCITAR_E_UTF8 }, /* above U+10FFFF */
    { TEXT("\xf5\x80\x80\x80"), OCITAR_E_UTF8 },
    { TEXT("\xf8\x88\x80\x80\x80"), OCITAR_E_UTF8 },
    { TEXT("\xfe"), OCITAR_E_UTF8 },
    { TEXT("\xff"), OCITAR_E_UTF8 },
    { TEXT("\xc2"), OCITAR_E_UTF8 }, /* cut */
    { TEXT("\xc2" "a"), OCITAR_E_UTF8 },
    { TEXT("\xe2\x82"), OCITAR_E_UTF8 },
    { TEXT("\xe2\x82" "a"), OCITAR_E_UTF8 },
    { TEXT("\xe2" "aa"), OCITAR_E_UTF8 },
    { TEXT("\xf0\x9f\x98"), OCITAR_E_UTF8 },
    { TEXT("\xf0\x9f\x98" "a"), OCITAR_E_UTF8 },
    { TEXT("\xf0\x9f\\n"), OCITAR_E_UTF8 },
    { TEXT("\xc2\xc2\x80"), OCITAR_E_UTF8 },
    { TEXT("\xe2\x82\xc3\xa9"), OCITAR_E_UTF8 },
    { TEXT("\0"), OCITAR_E_FORMAT }, /* control characters */
    { TEXT("\n"), OCITAR_E_FORMAT },
    { TEXT("\t"), OCITAR_E_FORMAT },
    { TEXT("\x1f"), OCITAR_E_FORMAT },
    { TEXT("a\rb"), OCITAR_E_FORMAT },
};

static void test_utf8(void)
{
    char text[40], want[40];
    size_t i, n;
    int c;

    for (i = 0; i < COUNT(surrogates); i++)
        CHECK_CODE(read_text(surrogates[i].text, surrogates[i].len),
                   surrogates[i].code);
    for (i = 0; i < COUNT(sequences); i++) {
        const row *r = &sequences[i];

        n = r->len;
        text[0] = '"';
        memcpy(text + 1, r->text, n);
        text[n + 1] = '"';
        CHECK_CODE(read_text(text, n + 2), r->code);
        CHECK_CODE(read_pieces(text, n + 2, 1), r->code);
        want[0] = '<';
        memcpy(want + 1, r->text, n);
        memcpy(want + 1 + n, ">s", 2);
        if (r->code == OCITAR_OK)
            CHECK(out_is(want, n + 3));
        memmove(text + 1, text, n + 2);
        text[0] = '{';
        memcpy(text + n + 3, ":1}", 3);
        CHECK_CODE(read_text(text, n + 6), r->code);
    }
    for (c = 0; c < 0x20; c++) {
        text[0] = text[2] = '"';
        text[1] = (char)c;
        CHECK_CODE(read_text(text, 3), OCITAR_E_FORMAT);
    }
    CHECK_CODE(read_text(TEXT("\xc3\xa9")), OCITAR_E_FORMAT);
    CHECK_CODE(read_text(TEXT("[\xff]")), OCITAR_E_FORMAT);
}

/* Every sequence of one to three bytes from 0x80 on, and every pair and
   code point of an escape, against what UTF-8 is defined to be. */
static void test_utf8_all(void)
{
    unsigned char text[16];
    uint32_t u;
    unsigned a, b, c;
    int good;
    char escape[16];

    text[0] = '"';
    for (a = 0x80; a < 0x100; a++)
        for (b = 0x80; b < 0x100; b++) {
            text[1] = (unsigned char)a;
            text[2] = (unsigned char)b;
            text[3] = '"';
            good = a >= 0xc2 && a < 0xe0 && b < 0xc0;
            if ((read_text((const char *)text, 4) == OCITAR_OK) != good)
                BROKEN("two bytes");
            for (c = 0x80; c < 0x100; c += b % 16 ? 17 : 1) {
                text[3] = (unsigned char)c;
                text[4] = '"';
                u = (a & 15) << 12 | (b & 63) << 6 | (c & 63);
                good = a >= 0xe0 && a < 0xf0 && b < 0xc0 && c < 0xc0 &&
                       u >= 0x800 && (u < 0xd800 || u > 0xdfff);
                if ((read_text((const char *)text, 5) == OCITAR_OK) != good)
                    BROKEN("three bytes");
            }
        }
    CHECK(a == 0x100);
    for (u = 0; u < 0x10000; u++) { /* the escape is the sequence */
        size_t n = 0;

        sprintf(escape, "\"\\u%04x\"", (unsigned)u);
        good = u < 0xd800 || u > 0xdfff;
        if (read_text(escape, 8) != (good ? OCITAR_OK : OCITAR_E_UTF8))
            BROKEN("an escape");
        if (!good)
            continue;
        if (u < 0x80) {
            text[n++] = (unsigned char)u;
        } else if (u < 0x800) {
            text[n++] = (unsigned char)(0xc0 | u >> 6);
            text[n++] = (unsigned char)(0x80 | (u & 63));
        } else {
            text[n++] = (unsigned char)(0xe0 | u >> 12);
            text[n++] = (unsigned char)(0x80 | (u >> 6 & 63));
            text[n++] = (unsigned char)(0x80 | (u & 63));
        }
        if (out.text.len != n + 3 || memcmp(out.text.data + 1, text, n) != 0)
            BROKEN("an escape's bytes");
    }
    CHECK(u == 0x10000);
    for (u = 0x10000; u < 0x110000; u += 61) {
        sprintf(escape, "\"\\u%04x\\u%04x\"",
                (unsigned)(0xd800 + ((u - 0x10000) >> 10)),
                (unsigned)(0xdc00 + ((u - 0x10000) & 0x3ff)));
        text[0] = (unsigned char)(0xf0 | u >> 18);
        text[1] = (unsigned char)(0x80 | (u >> 12 & 63));
        text[2] = (unsigned char)(0x80 | (u >> 6 & 63));
        text[3] = (unsigned char)(0x80 | (u & 63));
        if (read_text(escape, 14) != OCITAR_OK || out.text.len != 7 ||
            memcmp(out.text.data + 1, text, 4) != 0)
            BROKEN("a pair");
    }
    CHECK(u >= 0x110000);
}

/* ---- long strings ---- */

static void test_parts(void)
{
    static char text[400], want[400];
    size_t n, i, capacity;

    for (capacity = 16; capacity < 40; capacity++) {
        buffer_size = capacity;
        for (n = 0; n <= 100; n++) {
            int key;

            for (key = 0; key < 2; key++) {
                size_t len = 0, size;

                if (key)
                    text[len++] = '{';
                text[len++] = '"';
                for (i = 0; i < n; i++)
                    text[len++] = (char)('a' + i % 26);
                text[len++] = '"';
                if (key) {
                    memcpy(text + len, ":0}", 3);
                    len += 3;
                }
                size = (size_t)sprintf(want, key ? "{<%.*s>k<0>n}" : "<%.*s>s",
                                       (int)n, text + 1 + key);
                if (read_text(text, len) != OCITAR_OK ||
                    !out_is(want, size) ||
                    out.parts != (n == 0 ? 0 : (int)((n - 1) / capacity)))
                    BROKEN("a string in parts");
            }
            memset(text, '1', n + 1);
            sprintf(want, "<%.*s>n", (int)n + 1, text);
            if (read_text(text, n + 1) != OCITAR_OK ||
                !out_is(want, n + 4) || out.parts != (int)(n / capacity))
                BROKEN("a number in parts");
        }
        CHECK(n == 101);
    }
    buffer_size = 16; /* characters of four bytes, by escapes and without */
    CHECK(gives("\"0123456789abcd\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
                "\\ud83d\\ude00\\ud83d\\ude00 \\u00e9\\u20ac0123456789\"",
                "<0123456789abcd\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
                "\xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xc3\xa9\xe2\x82\xac"
                "0123456789>s"));
    CHECK(out.parts == 2);
    buffer_size = 64;
}

/* A megabyte in one string, with escapes, in odd pieces; and in many. */
static void test_a_megabyte(void)
{
    size_t size = 1 << 20, i, len = 0;
    char *text = (char *)malloc(size + 16);

    if (text == NULL)
        abort();
    text[len++] = '"';
    while (len < size) {
        memcpy(text + len, "abc\\n", 5);
        len += 5;
    }
    text[len++] = '"';
    CHECK_CODE(read_pieces(text, len, 4099), OCITAR_OK);
    CHECK(out.text.len == (len - 2) / 5 * 4 + 3 && out.parts > 13000);
    for (i = 0; i + 3 < out.text.len; i++)
        if (out.text.data[1 + i] != "abc\n"[i % 4])
            break;
    CHECK(i + 3 == out.text.len);
    len = 0;
    text[len++] = '[';
    while (len < size) {
        memcpy(text + len, "{\"a\":[]},", 9);
        len += 9;
    }
    text[len - 1] = ']';
    CHECK_CODE(read_pieces(text, len, 4099), OCITAR_OK);
    CHECK(out.calls == (int)(len - 1) / 9 * 5 + 2 && json.unseen == 0);
    free(text);
}

/* ---- depth ---- */

static int nested(uint32_t max, size_t depth, char open)
{
    char *text = (char *)malloc(depth * 7 + 2);
    size_t i, len = 0;
    int code;

    if (text == NULL)
        abort();
    for (i = 0; i < depth; i++) {
        if (open == '[' || (open == 'm' && i % 2)) {
            text[len++] = '[';
        } else {
            memcpy(text + len, "{\"a\":", 5);
            len += 5;
        }
    }
    if (len == 0 || text[len - 1] != '[')
        text[len++] = '0';
    for (i = depth; i-- > 0;)
        text[len++] = open == '[' || (open == 'm' && i % 2) ? ']' : '}';
    depth_max = max;
    code = read_text(text, len);
    depth_max = 63;
    free(text);
    return code;
}

static void test_depth(void)
{
    static const char kinds[] = "[{m";
    uint32_t max;
    size_t i;

    for (i = 0; i < 3; i++) {
        for (max = 1; max < 64; max++) {
            CHECK_CODE(nested(max, max, kinds[i]), OCITAR_OK);
            CHECK_CODE(nested(max, max + 1, kinds[i]), OCITAR_E_LIMIT);
        }
        CHECK_CODE(nested(64, 64, kinds[i]), OCITAR_OK);
        CHECK_CODE(nested(0, 64, kinds[i]), OCITAR_OK);
        CHECK(json.depth_max == OCITAR_JSON_DEPTH_MAX);
        CHECK_CODE(nested(63, 100000, kinds[i]), OCITAR_E_LIMIT);
        CHECK(out.calls <= 126);
        CHECK_CODE(nested(64, 65, kinds[i]), OCITAR_E_LIMIT);
        CHECK_CODE(nested(0, 65, kinds[i]), OCITAR_E_LIMIT);
        CHECK_CODE(nested(0, 100000, kinds[i]), OCITAR_E_LIMIT);
    }
    CHECK_CODE(nested(63, 63, 'm'), OCITAR_OK); /* what it is told in order */
    for (i = 0; i < 63; i++)
        if (out.text.data[out.text.len - 1 - i] != (i % 2 ? ']' : '}'))
            break;
    CHECK(i == 63);
}

/* At each depth, the wrong bracket. */
static void test_brackets(void)
{
    char text[600];
    size_t depth, len;
    unsigned pattern;

    for (pattern = 0; pattern < 64; pattern++)
        for (depth = 1; depth <= 6; depth++) {
            size_t i, wrong;

            for (wrong = 0; wrong <= depth; wrong++) {
                len = 0;
                for (i = 0; i < depth; i++)
                    len += (size_t)sprintf(text + len, "%s",
                                           pattern >> i & 1 ? "{\"a\":" : "[");
                len += (size_t)sprintf(text + len, "1");
                for (i = depth; i-- > 0;)
                    text[len++] = (pattern >> i & 1) != (wrong == i) ? '}'
                                                                     : ']';
                if (read_text(text, len) !=
                    (wrong == depth ? OCITAR_OK : OCITAR_E_FORMAT))
                    BROKEN("a bracket");
            }
        }
    CHECK(pattern == 64);
}

/* ---- names ---- */

static const row names[] = {
    { TEXT("{\"a\":1,\"a\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":1,\"b\":1,\"c\":1,\"a\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":1,\"b\":1,\"c\":1,\"b\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"\":1,\"\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":1,\"\\u0061\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"\\/\":1,\"/\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"\\n\":1,\"\\u000A\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"\xc3\xa9\":1,\"\\u00E9\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}"),
      OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":{\"a\":1},\"a\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":[{\"a\":1}],\"a\":2}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":{\"b\":1,\"b\":1}}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"x\":[{\"a\":1},{\"a\":1,\"a\":1}]}"), OCITAR_E_DUPLICATE },
    { TEXT("{\"x\":{},\"y\":[],\"x\":0}"), OCITAR_E_DUPLICATE },
    { TEXT("[[[{\"a\":1,\"a\":1}]]]"), OCITAR_E_DUPLICATE },
    { TEXT("{\"a\":1,\"A\":2}"), OCITAR_OK },
    { TEXT("{\"a\":1,\"a \":2}"), OCITAR_OK },
    { TEXT("{\"a\":1,\"\":2}"), OCITAR_OK },
    { TEXT("{\"a\":1,\"a\\u0000\":2}"), OCITAR_OK },
    { TEXT("{\"\":1,\"\\u0000\":2}"), OCITAR_OK },
    { TEXT("{\"a\\u0000b\":1,\"a\\u0000c\":2}"), OCITAR_OK },
    { TEXT("{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"), OCITAR_OK }, /* not the same */
    { TEXT("{\"ab\":1,\"ba\":2}"), OCITAR_OK },
    { TEXT("{\"a\":{\"a\":{\"a\":{}}}}"), OCITAR_OK },
    { TEXT("[{\"a\":1},{\"a\":1}]"), OCITAR_OK },
    { TEXT("{\"a\":[{\"b\":1},{\"b\":1}],\"b\":{\"a\":1,\"b\":1}}"),
      OCITAR_OK },
    { TEXT("{\"a\":\"a\",\"b\":\"a\"}"), OCITAR_OK },
    { TEXT("{\"a\":{},\"b\":{},\"c\":[[],[]]}"), OCITAR_OK },
};

static void test_duplicate_names(void)
{
    size_t i;

    for (i = 0; i < COUNT(names); i++) {
        CHECK_CODE(read_text(names[i].text, names[i].len), names[i].code);
        CHECK(json.unseen == 0);
        CHECK_CODE(read_pieces(names[i].text, names[i].len, 1),
                   names[i].code);
        slot_count = 0; /* nobody looks */
        CHECK_CODE(read_text(names[i].text, names[i].len), OCITAR_OK);
        CHECK(json.unseen == 1);
        slot_count = 256;
    }
}

/* A name longer than the buffer is compared as a whole. */
static void test_long_names(void)
{
    char text[300];
    int i, others = 0;

    memcpy(text, "{\"", 2);
    for (i = 0; i < 100; i++)
        text[2 + i] = (char)('a' + i % 26);
    memcpy(text + 102, "\":1,", 4);
    memcpy(text + 106, text + 1, 101);
    memcpy(text + 207, "\":2}", 4);
    buffer_size = 16;
    CHECK_CODE(read_text(text, 211), OCITAR_E_DUPLICATE);
    for (i = 0; i < 100; i++) { /* any other byte makes it another one */
        text[107 + i] = '_';
        others += read_text(text, 211) == OCITAR_OK;
        text[107 + i] = text[2 + i];
    }
    CHECK(others == 100);
    CHECK_CODE(read_text(text, 211), OCITAR_E_DUPLICATE);
    buffer_size = 64;
}

/* Slots for `n`: the first two names, or more, are seen or not. Never a false
   duplicate, and what is said to be seen is. */
static void test_few_slots(void)
{
    static const char good[] =
        "{\"a\":{\"a\":1,\"b\":[{\"a\":1},{\"b\":1}]},\"b\":{},\"c\":0,"
        "\"d\":{\"a\":{\"b\":{\"c\":{}}}}}";
    static const char bad[] = "{\"a\":1,\"b\":{\"x\":1,\"y\":2},\"a\":3}";
    static const char inner[] = "{\"a\":1,\"b\":{\"x\":1,\"x\":2},\"c\":3}";
    size_t need = 0, n;

    for (n = 1; n < 20; n++) {
        slot_count = n;
        slots[n] = 0x5555;
        CHECK_CODE(read_text(TEXT(good)), OCITAR_OK);
        CHECK(slots[n] == 0x5555);
        if (!json.unseen && need == 0)
            need = n;
        CHECK(json.unseen == (need == 0));
        CHECK_CODE(read_text(TEXT(bad)),
                   n < 2 ? OCITAR_OK : OCITAR_E_DUPLICATE);
        CHECK_CODE(read_text(TEXT(inner)),
                   n < 5 ? OCITAR_OK : OCITAR_E_DUPLICATE);
        if (n < 5)
            CHECK(json.unseen == 1);
        CHECK(slots[n] == 0x5555);
    }
    /* The outer object and its names to "d", then four objects and three. */
    CHECK(need == 5 + 2 + 2 + 2 + 1);
    slot_count = 256;
}

/* The slots of an object are free again behind it. */
static void test_slots_come_back(void)
{
    char text[20000];
    int i, at = 0;

    at += sprintf(text + at, "{\"all\":[");
    for (i = 0; i < 500; i++)
        at += sprintf(text + at, "{\"a\":1,\"b\":{\"a\":1},\"c\":[]},");
    at += sprintf(text + at, "{}],\"b\":1}");
    slot_count = 8;
    CHECK_CODE(read_text(text, (size_t)at), OCITAR_OK);
    CHECK(json.unseen == 0 && json.seen_used == 0);
    slot_count = 7;
    CHECK_CODE(read_text(text, (size_t)at), OCITAR_OK);
    CHECK(json.seen_used == 0);
    slot_count = 256;
}

/* Thousands of names of one object. */
static void test_many_names(void)
{
    enum { MANY = 4000 };
    static uint64_t table[MANY + 1];
    char *text = (char *)malloc(MANY * 20);
    int i, last = 0;
    size_t len = 0;

    if (text == NULL)
        abort();
    text[len++] = '{';
    for (i = 0; i < MANY; i++) {
        last = (int)len;
        len += (size_t)sprintf(text + len, "\"name%d\":%d,", i, i);
    }
    text[len - 1] = '}';
    CHECK_CODE(begin(), OCITAR_OK);
    json.seen = table;
    json.seen_capacity = MANY + 1;
    CHECK_CODE(ocitar_json_push(&json, text, len), OCITAR_OK);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
    CHECK(json.unseen == 0 && out.calls == 2 * MANY + 2);
    memcpy(text + last, "\"name0000\"", 10); /* is none of them ... */
    CHECK_CODE(begin(), OCITAR_OK);
    json.seen = table;
    json.seen_capacity = MANY + 1;
    CHECK_CODE(ocitar_json_push(&json, text, len), OCITAR_OK);
    memcpy(text + last, "\"name1000\"", 10); /* ... and this one is */
    CHECK_CODE(begin(), OCITAR_OK);
    json.seen = table;
    json.seen_capacity = MANY + 1;
    CHECK_CODE(ocitar_json_push(&json, text, len), OCITAR_E_DUPLICATE);
    free(text);
}

/* ---- pieces, cuts, codes ---- */

static const char sample[] =
    " {\"schemaVersion\" : 2, \"\\u006dediaType\":\"application/\\\"x\\\"\",\n"
    "\t\"a name that is longer than the buffer is\":[-0.5e+10,0,1E5, 12],"
    "\"\xc3\xa9\":[\"\xf0\x9f\x98\x80\",\"\\ud83d\\ude00\",\"\\b\\f\\/\","
    "\"a string that is a good deal longer than the buffer\"], \"o\":{\"o\":"
    "{\"o\":{},\"p\":[[],[{}]]}},\"t\":true,\"f\":false,\"n\":null}\r\n ";

static void test_pieces(void)
{
    size_t len = sizeof sample - 1, pos, piece;
    static tokens whole;

    buffer_size = 16;
    CHECK_CODE(read_text(sample, len), OCITAR_OK);
    CHECK(out.parts == 5);
    whole = out;
    memset(&out, 0, sizeof out);
    for (piece = 1; piece <= len; piece++)
        if (read_pieces(sample, len, piece) != OCITAR_OK ||
            out.calls != whole.calls ||
            !out_is((const char *)whole.text.data, whole.text.len))
            BROKEN("other tokens in pieces");
    CHECK(piece == len + 1);
    for (pos = 0; pos <= len; pos++)
        if (begin() != OCITAR_OK ||
            ocitar_json_push(&json, sample, pos) != OCITAR_OK ||
            ocitar_json_push(&json, NULL, 0) != OCITAR_OK ||
            ocitar_json_push(&json, sample + pos, len - pos) != OCITAR_OK ||
            ocitar_json_end(&json) != OCITAR_OK ||
            out.calls != whole.calls ||
            !out_is((const char *)whole.text.data, whole.text.len))
            BROKEN("other tokens in two pieces");
    CHECK(pos == len + 1);
    buffer_size = 64;
    free(whole.text.data);
}

/* Cut anywhere, from memory that ends there: only behind the last brace is it
   a document. */
static void test_truncation(void)
{
    size_t len = sizeof sample - 1, cut;
    int code;

    for (cut = 0; cut <= len; cut++) {
        char *copy = (char *)malloc(cut + 1);

        if (copy == NULL)
            abort();
        memcpy(copy + 1, sample, cut);
        code = read_text(copy + 1, cut);
        free(copy);
        if (code != (cut >= len - 3 ? OCITAR_OK : OCITAR_E_FORMAT))
            BROKEN("a cut document");
    }
    CHECK(cut == len + 1);
    CHECK_CODE(read_text(TEXT("\"\xc3")), OCITAR_E_FORMAT);
    CHECK_CODE(read_text(TEXT("\"\\ud800")), OCITAR_E_FORMAT);
}

/* Each byte becomes each other: nothing but the known codes, and what is read
   is read the same in pieces. */
static void test_replaced_bytes(void)
{
    static char text[sizeof sample];
    size_t len = sizeof sample - 1, i;
    int c, ok = 0, code, calls;

    memcpy(text, sample, sizeof sample);
    for (i = 0; i < len; i++)
        for (c = 0; c < 256; c++) {
            text[i] = (char)c;
            code = read_text(text, len);
            calls = out.calls;
            if (code != OCITAR_OK && code != OCITAR_E_FORMAT &&
                code != OCITAR_E_UTF8 && code != OCITAR_E_DUPLICATE)
                BROKEN("a code for a replaced byte");
            ok += code == OCITAR_OK;
            if (c % 16 == 0 && (read_pieces(text, len, 7) != code ||
                                out.calls != calls))
                BROKEN("another code in pieces");
            text[i] = sample[i];
        }
    CHECK(i == len);
    CHECK(ok > 10000 && ok < 256 * (int)len / 2);
}

static void test_codes(void)
{
    static const size_t pieces[] = { 1, 5, 1000 };
    size_t i;
    int k, all;

    buffer_size = 16;
    for (i = 0; i < COUNT(pieces); i++) {
        CHECK_CODE(read_pieces(sample, sizeof sample - 1, pieces[i]),
                   OCITAR_OK);
        all = out.calls;
        CHECK(all > 40);
        for (k = 1; k <= all; k++) {
            out.fail_at = k;
            out.code = k % 2 ? OCITAR_E_INVALID : OCITAR_E_LIMIT;
            if (read_pieces(sample, sizeof sample - 1, pieces[i]) !=
                    out.code ||
                out.calls != k)
                BROKEN("a code that is not returned");
        }
        CHECK(k == all + 1);
        out.fail_at = 0;
    }
    buffer_size = 64;
}

static void test_arguments(void)
{
    char room[16];

    CHECK_CODE(ocitar_json_begin(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_json_push(NULL, "1", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_json_end(NULL), OCITAR_E_ARG);
    memset(&json, 0, sizeof json);
    json.buffer = room;
    json.capacity = sizeof room;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG); /* no token_fn */
    CHECK_CODE(ocitar_json_push(&json, "1", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_E_ARG);
    json.token_fn = on_token;
    json.user = &out;
    json.buffer = NULL;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    json.buffer = room;
    json.capacity = 15;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    json.capacity = 0;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    json.capacity = 16;
    json.depth_max = OCITAR_JSON_DEPTH_MAX + 1;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    json.depth_max = UINT32_MAX;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    json.depth_max = 1;
    json.seen_capacity = 1;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_E_ARG);
    CHECK_CODE(ocitar_json_push(&json, "1", 1), OCITAR_E_ARG);
    json.seen = slots;
    json.seen_capacity = 0;
    CHECK_CODE(ocitar_json_begin(&json), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_json_push(&json, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, "{\"a\":1}", 7), OCITAR_OK);
    CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
    CHECK(json.unseen == 1);
    CHECK_CODE(ocitar_json_push(&json, " ", 1), OCITAR_OK);
    CHECK_CODE(ocitar_json_push(&json, "1", 1), OCITAR_E_FORMAT);
}

/* One structure for one document after another, whatever became of it. */
static void test_again(void)
{
    size_t i;

    CHECK_CODE(begin(), OCITAR_OK);
    for (i = 0; i < COUNT(surrogates) + COUNT(malformed); i++) {
        const row *r = i < COUNT(surrogates)
                           ? &surrogates[i]
                           : &malformed[i - COUNT(surrogates)];

        ocitar_json_push(&json, r->text, r->len);
        CHECK_CODE(ocitar_json_begin(&json), OCITAR_OK);
        ocitar_json_push(&json, "{\"\xf0\x9f", i % 5); /* or less of it */
        CHECK_CODE(ocitar_json_begin(&json), OCITAR_OK);
        CHECK_CODE(ocitar_json_push(&json, "{\"a\":\"x\"}", 9), OCITAR_OK);
        CHECK_CODE(ocitar_json_end(&json), OCITAR_OK);
        CHECK_CODE(ocitar_json_begin(&json), OCITAR_OK);
    }
}

/* ---- what becomes of documents, for tests/json_compare.py ---- */

static int dump(const char *name)
{
    static char text[1 << 16];
    unsigned long len;
    FILE *f = fopen(name, "rb");
    int code, piece = 0;
    size_t i;

    if (f == NULL)
        return 2;
    buffer_size = 16;
    while (fscanf(f, "%lu", &len) == 1) {
        if (fgetc(f) != '\n' || len > sizeof text ||
            fread(text, 1, len, f) != len)
            return 2;
        piece = piece % 40 + 1;
        code = read_pieces(text, len, (size_t)piece);
        printf("%s ", ocitar_error_name(code));
        for (i = 0; code == OCITAR_OK && i < out.text.len; i++)
            printf("%02x", (unsigned)out.text.data[i]);
        printf("\n");
    }
    fclose(f);
    return check_failed != 0;
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return dump(argv[2]);
    test_values();
    test_white_space();
    test_malformed();
    test_numbers();
    test_number_at_the_root();
    test_escapes();
    test_hex_digits();
    test_utf8();
    test_utf8_all();
    test_parts();
    test_a_megabyte();
    test_depth();
    test_brackets();
    test_duplicate_names();
    test_long_names();
    test_few_slots();
    test_slots_come_back();
    test_many_names();
    test_pieces();
    test_truncation();
    test_replaced_bytes();
    test_codes();
    test_arguments();
    test_again();
    free(buffer);
    free(out.text.data);
    return check_done();
}
