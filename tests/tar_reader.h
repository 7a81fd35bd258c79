/* tar_reader.h - reads the archives and layers that a test wrote, and trusts
   nothing in them: checksums and padding are looked at. */

#ifndef TAR_READER_H
#define TAR_READER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    const unsigned char *data;
    size_t len;
} bytes;

typedef struct item {
    char name[100 + 1], link[100 + 1];
    char type;
    unsigned long mode, uid, gid, mtime;
    size_t size;
    const unsigned char *head, *body;
} item;

static unsigned long octal(const unsigned char *field, size_t width)
{
    char text[16];

    memcpy(text, field, width);
    text[width] = 0;
    return strtoul(text, NULL, 8);
}

static int all_zero(const unsigned char *p, size_t len)
{
    while (len > 0 && p[len - 1] == 0)
        len--;
    return len == 0;
}

/* The entry at *at, and *at behind it; 0 at a zero block or on damage. */
static int tar_next(bytes tar, size_t *at, item *it)
{
    const unsigned char *h = tar.data + *at;
    unsigned long sum = 8 * ' ';
    size_t i;

    if (tar.len - *at < 1024 || all_zero(h, 512))
        return 0;
    for (i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? 0 : h[i];
    it->size = octal(h + 124, 12);
    it->type = (char)h[156];
    if (it->type >= '1' && it->type <= '6')
        it->size = 0;
    if (sum != octal(h + 148, 8) || it->size > tar.len - *at - 512)
        return 0;
    snprintf(it->name, sizeof it->name, "%.100s", (const char *)h);
    snprintf(it->link, sizeof it->link, "%.100s", (const char *)h + 157);
    it->mode = octal(h + 100, 8);
    it->uid = octal(h + 108, 8);
    it->gid = octal(h + 116, 8);
    it->mtime = octal(h + 136, 12);
    it->head = h;
    it->body = h + 512;
    *at += 512 + (it->size + 511) / 512 * 512;
    return all_zero(it->body + it->size, (512 - it->size % 512) % 512);
}

/* The number of entries if two zero blocks follow them and nothing else. */
static int tar_count(bytes tar)
{
    size_t at = 0;
    int n = 0;
    item it;

    while (tar_next(tar, &at, &it))
        n++;
    return tar.len - at == 1024 && all_zero(tar.data + at, 1024) ? n : -1;
}

#endif
