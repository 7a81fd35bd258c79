/* test_errors - codes in words, and the root in which the first one stays. */

#include "ocitar.h"
#include "check.h"
#include <limits.h>

typedef struct named {
    int code;
    const char *name;
} named;

/* The numbers are written out: "Codes never change their meaning". */
static const named codes[] = {
    { 0, "OK" },           { -1, "E_ARG" },         { -2, "E_STATE" },
    { -3, "E_BUSY" },      { -4, "E_SINK" },        { -5, "E_SOURCE" },
    { -6, "E_SPOOL" },     { -7, "E_SIZE" },        { -8, "E_DIGEST" },
    { -9, "E_UNSUPPORTED" }, { -10, "E_NAME" },     { -11, "E_RANGE" },
    { -12, "E_LIMIT" },    { -13, "E_MEMORY" },     { -14, "E_UTF8" },
    { -15, "E_DUPLICATE" }, { -16, "E_CHANGED" },   { -17, "E_HOOK" },
    { -18, "E_HASH" },     { -19, "E_SYSTEM" }, { -20, "E_LINK" },
    { -21, "E_WHITEOUT" }, { -22, "E_CODEC" }, { -23, "E_FORMAT" },
    { -24, "E_INVALID" }
};

enum { CODES = (int)(sizeof codes / sizeof codes[0]) };

static void test_numbers(void)
{
    CHECK(OCITAR_OK == 0 && OCITAR_E_ARG == -1 && OCITAR_E_STATE == -2);
    CHECK(OCITAR_E_BUSY == -3 && OCITAR_E_SINK == -4);
    CHECK(OCITAR_E_SOURCE == -5 && OCITAR_E_SPOOL == -6);
    CHECK(OCITAR_E_SIZE == -7 && OCITAR_E_DIGEST == -8);
    CHECK(OCITAR_E_UNSUPPORTED == -9 && OCITAR_E_NAME == -10);
    CHECK(OCITAR_E_RANGE == -11 && OCITAR_E_LIMIT == -12);
    CHECK(OCITAR_E_MEMORY == -13 && OCITAR_E_UTF8 == -14);
    CHECK(OCITAR_E_DUPLICATE == -15 && OCITAR_E_CHANGED == -16);
    CHECK(OCITAR_E_HOOK == -17 && OCITAR_E_HASH == -18);
    CHECK(OCITAR_E_SYSTEM == -19 && OCITAR_E_LINK == -20);
    CHECK(OCITAR_E_WHITEOUT == -21 && OCITAR_E_CODEC == -22);
    CHECK(OCITAR_E_FORMAT == -23 && OCITAR_E_INVALID == -24);
}

static void test_names(void)
{
    int i;

    for (i = 0; i < CODES; i++) {
        CHECK(codes[i].code == -i);
        CHECK(strcmp(ocitar_error_name(codes[i].code), codes[i].name) == 0);
    }
}

/* Each code has words of its own, and none has those of an unknown code. */
static void test_texts(void)
{
    const char *unknown = ocitar_error_text(1);
    int i, j;

    for (i = 0; i < CODES; i++) {
        const char *text = ocitar_error_text(-i);

        CHECK(text != NULL && text[0] != 0);
        CHECK(strcmp(text, unknown) != 0);
        for (j = 0; j < i; j++)
            CHECK(strcmp(text, ocitar_error_text(-j)) != 0);
    }
}

/* What other programs and people match on. */
static void test_texts_fixed(void)
{
    CHECK(strcmp(ocitar_error_text(OCITAR_OK), "no error") == 0);
    CHECK(strcmp(ocitar_error_text(OCITAR_E_SIZE), "unexpected size") == 0);
    CHECK(strcmp(ocitar_error_text(OCITAR_E_DIGEST), "unexpected digest") ==
          0);
    CHECK(strcmp(ocitar_error_text(OCITAR_E_SYSTEM), "the system failed") ==
          0);
}

static void test_unknown_codes(void)
{
    static const int odd[] = { 1, 2, 19, 20, INT_MAX, -CODES, -CODES - 1,
                               -1000, INT_MIN + 1, INT_MIN };
    size_t i;

    for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        CHECK(strcmp(ocitar_error_name(odd[i]), "E_?") == 0);
        CHECK(ocitar_error_text(odd[i]) != NULL);
        CHECK(strcmp(ocitar_error_text(odd[i]), ocitar_error_text(1)) == 0);
    }
}

/* Does it print `want`, and return its length? */
static int prints(const ocitar_error *error, const char *want)
{
    char line[OCITAR_ERROR_MAX];
    size_t n = ocitar_error_format(error, line, sizeof line);

    if (strcmp(line, want) != 0 || n != strlen(want)) {
        printf("got \"%s\" (%lu)\n", line, (unsigned long)n);
        return 0;
    }
    return 1;
}

static ocitar_error error_of(int code, const char *subject)
{
    ocitar_error e;

    memset(&e, 0, sizeof e);
    e.code = code;
    e.subject = subject;
    return e;
}

static void test_format_plain(void)
{
    ocitar_error e = error_of(OCITAR_OK, NULL);

    CHECK(prints(&e, "no error"));
    e = error_of(OCITAR_E_BUSY, NULL);
    CHECK(prints(&e, "another entry is being written"));
    e = error_of(OCITAR_E_STATE, "blob commit");
    CHECK(prints(&e, "not possible in this state (blob commit)"));
    e = error_of(OCITAR_E_STATE, "");
    CHECK(prints(&e, "not possible in this state ()"));
    e = error_of(77, "x");
    CHECK(prints(&e, "unknown error (x)"));
}

/* The header's own example. */
static void test_format_sizes(void)
{
    ocitar_error e = error_of(OCITAR_E_SIZE, "layer body");

    e.expected_size = 701;
    e.actual_size = 700;
    CHECK(prints(&e, "unexpected size: 701 != 700 (layer body)"));
    e.expected_size = 0;
    CHECK(prints(&e, "unexpected size: 0 != 700 (layer body)"));
    e.expected_size = 700;
    e.actual_size = 0;
    e.subject = NULL;
    CHECK(prints(&e, "unexpected size: 700 != 0"));
    e.code = OCITAR_E_LIMIT;
    e.expected_size = 10;
    e.actual_size = 11;
    CHECK(prints(&e, "limit reached: 10 < 11"));
    e.code = OCITAR_E_CHANGED;
    CHECK(prints(&e, "the input changed while it was read: 10 != 11"));
}

/* Sizes are uint64_t, bytes: none of them is negative. */
static void test_format_sizes_great(void)
{
    ocitar_error e = error_of(OCITAR_E_SIZE, NULL);

    e.expected_size = INT64_MAX;
    CHECK(prints(&e, "unexpected size: 9223372036854775807 != 0"));
    e.expected_size = (uint64_t)INT64_MAX + 1;
    CHECK(prints(&e, "unexpected size: 9223372036854775808 != 0"));
    e.expected_size = 1;
    e.actual_size = UINT64_MAX - 1;
    CHECK(prints(&e, "unexpected size: 1 != 18446744073709551614"));
}

static void test_format_user_code(void)
{
    ocitar_error e = error_of(OCITAR_E_SINK, "put");

    e.user_code = 28;
    CHECK(prints(&e, "the sink failed: code 28 (put)"));
    e.user_code = -5;
    CHECK(prints(&e, "the sink failed: code -5 (put)"));
    e.user_code = INT_MAX;
    CHECK(prints(&e, "the sink failed: code 2147483647 (put)"));
    e.user_code = INT_MIN;
    e.subject = NULL;
    CHECK(prints(&e, "the sink failed: code -2147483648"));
}

static void test_format_digests(void)
{
    ocitar_error e = error_of(OCITAR_E_DIGEST, "blob commit");
    char want[OCITAR_ERROR_MAX], hex[OCITAR_DIGEST_TEXT_MAX];

    CHECK_CODE(ocitar_digest_of(&e.expected, OCITAR_SHA256, "a", 1), 0);
    CHECK_CODE(ocitar_digest_of(&e.actual, OCITAR_SHA256, "b", 1), 0);
    strcpy(want, "unexpected digest: ");
    ocitar_digest_format(&e.expected, hex);
    strcat(want, hex);
    strcat(want, " != ");
    ocitar_digest_format(&e.actual, hex);
    strcat(want, hex);
    strcat(want, " (blob commit)");
    CHECK(prints(&e, want));
    CHECK(strlen(want) == 19 + 71 + 4 + 71 + 14);
}

/* The longest of each part, with the longest subject of the library. */
static ocitar_error longest(void)
{
    ocitar_error e = error_of(OCITAR_E_CHANGED,
                              "an index, image or layer was not ended");

    e.expected_size = UINT64_MAX;
    e.actual_size = UINT64_MAX - 1;
    e.user_code = INT_MIN;
    ocitar_digest_of(&e.expected, OCITAR_SHA512, "a", 1);
    ocitar_digest_of(&e.actual, OCITAR_SHA512, "b", 1);
    return e;
}

static void test_format_longest(void)
{
    ocitar_error e = longest();
    char line[OCITAR_ERROR_MAX];
    size_t n = ocitar_error_format(&e, line, sizeof line);

    CHECK(n < OCITAR_ERROR_MAX);
    CHECK(strlen(line) == n);
    CHECK(n > 2 * 135);
    CHECK(line[n - 1] == ')');
}

/* Cut to `capacity` with its NUL; what lies behind is not touched, and the
   whole line's length comes back. */
static int cut_right(const ocitar_error *e, const char *whole, size_t len,
                     size_t capacity)
{
    char out[OCITAR_ERROR_MAX + 8];
    size_t keep = capacity == 0 ? 0 : capacity - 1, i;

    if (keep > len)
        keep = len;
    memset(out, 0x5a, sizeof out);
    if (ocitar_error_format(e, out, capacity) != len ||
        memcmp(out, whole, keep) != 0 || (capacity > 0 && out[keep] != 0))
        return 0;
    for (i = capacity == 0 ? 0 : keep + 1; i < sizeof out; i++)
        if (out[i] != 0x5a)
            return 0;
    return 1;
}

static void test_format_cut(void)
{
    ocitar_error errors[3];
    char whole[OCITAR_ERROR_MAX];
    size_t i, capacity, len;

    errors[0] = error_of(OCITAR_OK, NULL);
    errors[1] = error_of(OCITAR_E_SIZE, "layer body");
    errors[1].expected_size = 701;
    errors[1].actual_size = 700;
    errors[2] = longest();
    for (i = 0; i < 3; i++) {
        len = ocitar_error_format(&errors[i], whole, sizeof whole);
        for (capacity = 0; capacity <= len + 1; capacity++)
            CHECK(cut_right(&errors[i], whole, len, capacity));
        CHECK(ocitar_error_format(&errors[i], NULL, 0) == len);
        CHECK(ocitar_error_format(&errors[i], NULL, 100) == len);
    }
}

static void test_root_finish(void)
{
    ocitar_root root;

    CHECK_CODE(ocitar_root_finish(NULL), OCITAR_E_ARG);
    memset(&root, 0, sizeof root);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_E_STATE);
    memset(&root, 0xff, sizeof root); /* from whatever was in its memory */
    ocitar_root_begin(&root);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_OK);
    CHECK_CODE(root.error.code, OCITAR_OK);
}

/* "stop it for good at the driver's first fault" */
static void test_root_fail(void)
{
    ocitar_root root;

    ocitar_root_begin(&root);
    CHECK_CODE(ocitar_root_fail(&root, OCITAR_E_SYSTEM, 28, "write"),
               OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_fail(&root, OCITAR_E_SINK, 5, "close"),
               OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_E_SYSTEM);
    CHECK(root.error.user_code == 28);
    CHECK(strcmp(root.error.subject, "write") == 0);
    CHECK(prints(&root.error, "the system failed: code 28 (write)"));
}

/* A tree: the archive's root, a layout, files under it. */
typedef struct tree {
    unsigned char buffer[512], waiting[3][64];
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_spool spool[3];
    ocitar_file file[3];
} tree;

/* The second file's name leaves the root, which its close finds out. */
static void tree_begin(tree *t)
{
    static const char *const names[3] = { "a", "../up", "c" };
    ocitar_archive_desc desc = OCITAR_ZERO;
    int i;

    desc.buffer = t->buffer;
    desc.buffer_size = sizeof t->buffer;
    CHECK_CODE(ocitar_archive_begin(&t->archive, &desc), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&t->layout, &t->archive, NULL), OCITAR_OK);
    for (i = 0; i < 3; i++) {
        ocitar_spool_begin_buffer(&t->spool[i], t->waiting[i], 64);
        CHECK_CODE(ocitar_file_begin(&t->file[i], &t->layout, names[i], 0,
                                     0644, &t->spool[i]), OCITAR_OK);
    }
}

/* "An error sticks to the object it hit, and the ends of its parents return
   it ... until the object is abandoned": the first one, and only to it. */
static void test_errors_stick(void)
{
    static tree t;
    char big[65] = "";

    tree_begin(&t);
    CHECK_CODE(ocitar_file_write(&t.file[0], big, 65), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_write(&t.file[0], big, 1), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_close(&t.file[0]), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_write(&t.file[1], big, 64), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&t.file[1]), OCITAR_E_NAME);
    CHECK_CODE(ocitar_file_close(&t.file[2]), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&t.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_error(&t.archive)->code, OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_abandon(&t.file[0]), OCITAR_OK);
    CHECK(ocitar_archive_finish(&t.archive) != OCITAR_OK);
    CHECK_CODE(ocitar_file_abandon(&t.file[1]), OCITAR_OK);
    CHECK_CODE(ocitar_archive_error(&t.archive)->code, OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&t.archive), OCITAR_OK);
}

/* Which errors stand is not known when the first was forgiven, but that some
   do: E_STATE, as the header says. */
static void test_error_that_still_stands(void)
{
    static tree t;
    char big[65] = "";

    tree_begin(&t);
    CHECK_CODE(ocitar_file_write(&t.file[0], big, 65), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_close(&t.file[1]), OCITAR_E_NAME);
    CHECK_CODE(ocitar_file_abandon(&t.file[0]), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&t.archive), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_error(&t.archive)->code, OCITAR_E_STATE);
}

int main(void)
{
    (void)check_put;
    test_numbers();
    test_names();
    test_texts();
    test_texts_fixed();
    test_unknown_codes();
    test_format_plain();
    test_format_sizes();
    test_format_sizes_great();
    test_format_user_code();
    test_format_digests();
    test_format_longest();
    test_format_cut();
    test_root_finish();
    test_root_fail();
    test_errors_stick();
    test_error_that_still_stands();
    return check_done();
}
