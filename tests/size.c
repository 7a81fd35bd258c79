/* size.c - what a program of each profile calls, and nothing else. Never run:
   size.py links it and looks at what is in it. */

#define OCITAR_IMPLEMENTATION
#define OCITAR_NO_HOSTED
#define OCITAR_NO_INTRINSICS
#include "ocitar.h"

void start(void **p);

#ifdef SIZE_WRITER
static int write_blobs(void **p)
{
    int e = ocitar_archive_begin((ocitar_archive *)p[0],
                                 (const ocitar_archive_desc *)p[1]);

    e |= ocitar_layout_begin((ocitar_layout *)p[2], (ocitar_archive *)p[0],
                             (const ocitar_layout_desc *)p[3]);
    e |= ocitar_layout_init((ocitar_layout *)p[2]);
    e |= ocitar_blob_begin((ocitar_blob *)p[4], (ocitar_layout *)p[2],
                           OCITAR_SHA256, (const ocitar_wait *)p[5]);
    e |= ocitar_blob_write((ocitar_blob *)p[4], p[6], 1);
    e |= ocitar_blob_commit((ocitar_blob *)p[4], 1, NULL);
    return e | ocitar_archive_finish((ocitar_archive *)p[0]);
}
#endif

#ifdef SIZE_IMAGE
static int write_image(void **p)
{
    int e = ocitar_index_begin((ocitar_index *)p[7], (ocitar_layout *)p[2],
                               (const ocitar_index_desc *)p[8]);

    e |= ocitar_image_begin((ocitar_image *)p[9], (ocitar_index *)p[7],
                            (const ocitar_image_desc *)p[10]);
    e |= ocitar_layer_begin((ocitar_layer *)p[11], (ocitar_image *)p[9],
                            (const ocitar_layer_desc *)p[12]);
    e |= ocitar_layer_file((ocitar_layer *)p[11], "x", 0644, p[6], 1);
    e |= ocitar_layer_end((ocitar_layer *)p[11]);
    e |= ocitar_image_end((ocitar_image *)p[9]);
    return e | ocitar_index_end((ocitar_index *)p[7]);
}
#endif

#ifdef SIZE_CHECKER
static int check(void **p)
{
    int e = ocitar_checker_begin((ocitar_checker *)p[0],
                                 (const ocitar_checker_desc *)p[1]);

    e |= ocitar_checker_push((ocitar_checker *)p[0], p[2], 512);
    return e | ocitar_checker_end((ocitar_checker *)p[0]);
}
#endif

void start(void **p)
{
    int e = 0;

#ifdef SIZE_WRITER
    e |= write_blobs(p);
#endif
#ifdef SIZE_IMAGE
    e |= write_image(p);
#endif
#ifdef SIZE_CHECKER
    e |= check(p);
#endif
    *(int *)p[13] = e;
}
