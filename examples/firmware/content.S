/* content.S - a file in flash, and the digest that is expected of it. */

    .section .rodata.content, "a"
    .balign 4
    .global content
    .global content_end
content:
    .incbin CONTENT
content_end:

    .section .rodata.expected, "a"
    .global expected
expected:
    .asciz EXPECTED
