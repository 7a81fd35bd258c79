/* headers FILE.tsv - checks the tar encoder against a table of headers.

   One row, one check; nothing is skipped. Ends with "N passed, N failed";
   exit 0 if none failed, 1 if one did, 2 if the file is no such table. */

#include "ocitar.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 19, RECORDS = 4096 };

static void die(const char *path, int row, const char *what)
{
    fprintf(stderr, "headers: %s:%d: %s\n", path, row, what);
    exit(2);
}

static int nibble(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex in place; returns the length, or -1. */
static long unhex(char *s)
{
    long n = 0;

    if (strcmp(s, "-") == 0)
        s[0] = 0;
    for (; s[2 * n] != 0; n++) {
        int high = nibble(s[2 * n]), low = nibble(s[2 * n + 1]);

        if (high < 0 || low < 0)
            return -1;
        s[n] = (char)(high * 16 + low);
    }
    s[n] = 0;
    return n;
}

static int string_field(char *text, const char **out, size_t *len)
{
    long n = unhex(text);

    if (n < 0)
        return 0;
    *out = text;
    *len = (size_t)n;
    return 1;
}

static int time_field(const char *text, ocitar_time *out)
{
    char *end;

    memset(out, 0, sizeof *out);
    if (strcmp(text, "-") == 0)
        return 1;
    out->set = 1;
    out->seconds = strtoll(text, &end, 10);
    if (*end != ':')
        return 0;
    out->nanoseconds = (uint32_t)strtoul(end + 1, &end, 10);
    return *end == 0;
}

static int pax_field(char *text, ocitar_entry *entry)
{
    static ocitar_pair pairs[RECORDS];
    char *equals, *next;

    if (strcmp(text, "-") == 0)
        return 1;
    entry->pax = pairs;
    for (; text != NULL; text = next) {
        ocitar_pair *p = &pairs[entry->pax_count];

        next = strchr(text, ',');
        if (next != NULL)
            *next++ = 0;
        equals = strchr(text, '=');
        if (equals == NULL || ++entry->pax_count > RECORDS)
            return 0;
        *equals++ = 0;
        if (!string_field(text, &p->key, &p->key_len) ||
            !string_field(equals, &p->value, &p->value_len))
            return 0;
    }
    return 1;
}

static int entry_of(char **column, ocitar_entry *e)
{
    memset(e, 0, sizeof *e);
    if (strcmp(column[1], "USTAR") == 0)
        e->format = OCITAR_FORMAT_USTAR;
    else if (strcmp(column[1], "PAX") == 0)
        e->format = OCITAR_FORMAT_PAX;
    else if (strcmp(column[1], "unspecified") != 0)
        return 0;
    e->typeflag = (char)strtol(column[2], NULL, 10);
    e->size = strtoll(column[5], NULL, 10);
    e->mode = strtoll(column[6], NULL, 10);
    e->uid = strtoll(column[7], NULL, 10);
    e->gid = strtoll(column[8], NULL, 10);
    e->devmajor = strtoll(column[11], NULL, 10);
    e->devminor = strtoll(column[12], NULL, 10);
    return string_field(column[3], &e->name, &e->name_len) &&
           string_field(column[4], &e->linkname, &e->linkname_len) &&
           string_field(column[9], &e->uname, &e->uname_len) &&
           string_field(column[10], &e->gname, &e->gname_len) &&
           time_field(column[13], &e->mtime) &&
           time_field(column[14], &e->atime) &&
           time_field(column[15], &e->ctime) && pax_field(column[16], e);
}

/* Do the blocks begin with the expected bytes, and is the rest padding? */
static int same_blocks(ocitar_encoder *enc, const char *want, size_t len)
{
    size_t blocks = (len + 511) / 512, i, at = 0;
    unsigned char block[512];

    if (ocitar_encoder_size(enc) != blocks * 512)
        return 0;
    while (ocitar_encoder_next(enc, block))
        for (i = 0; i < sizeof block; i++, at++)
            if (block[i] != (at < len ? (unsigned char)want[at] : 0))
                return 0;
    return at == blocks * 512;
}

/* 1 pass, 0 fail, -1 not a row. */
static int check(char **column)
{
    ocitar_encoder enc;
    ocitar_entry entry;
    long len;
    int e, ok = strcmp(column[17], "ok") == 0;

    if (!entry_of(column, &entry) ||
        (!ok && strcmp(column[17], "err") != 0))
        return -1;
    e = ocitar_encoder_begin(&enc, &entry);
    if (!ok)
        return e != OCITAR_OK;
    len = unhex(column[18]);
    if (len < 0)
        return -1;
    return e == OCITAR_OK && same_blocks(&enc, column[18], (size_t)len);
}

int main(int argc, char **argv)
{
    static char line[1 << 24];
    char *column[COLUMNS];
    int row = 0, passed = 0, failed = 0, n, result;
    FILE *table;
    char *p;

    if (argc != 2) {
        fprintf(stderr, "usage: headers FILE.tsv\n");
        return 2;
    }
    table = fopen(argv[1], "r");
    if (table == NULL) {
        perror(argv[1]);
        return 2;
    }
    while (fgets(line, sizeof line, table) != NULL) {
        row++;
        if (strchr(line, '\n') == NULL && !feof(table))
            die(argv[1], row, "line too long");
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] == '#' || line[0] == 0)
            continue;
        for (n = 0, p = line; p != NULL && n < COLUMNS; n++) {
            column[n] = p;
            p = strchr(p, '\t');
            if (p != NULL)
                *p++ = 0;
        }
        if (n != COLUMNS || p != NULL)
            die(argv[1], row, "not 19 columns");
        result = check(column);
        if (result < 0)
            die(argv[1], row, "a field that cannot be read");
        if (result == 0)
            printf("FAIL %s:%d: %s (%s)\n", argv[1], row, column[0],
                   column[1]);
        passed += result;
        failed += !result;
    }
    fclose(table);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
