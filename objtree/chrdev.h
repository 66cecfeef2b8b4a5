/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sources of the glue for character devices share. */
#ifndef _KOBJTREE_CHRDEV_GLUE_H
#define _KOBJTREE_CHRDEV_GLUE_H

#include <linux/kobjtree_chrdev.h>

/* chrdev_fops.c: but for open and release */
void kobjtree_chrdev_set_fops(struct kobjtree_chrdev *chr);

#endif /* _KOBJTREE_CHRDEV_GLUE_H */
