# SPDX-License-Identifier: GPL-2.0-only
# What spatch does not reach: a macro, the labels of probe that nobody jumps to any
# more, and those of open, which needs no lock: what it sets up is its own.
s/^#define dprintk(dev,/#define dprintk(d,/
s/&(dev)->v4l2_dev/\&(d)->v4l2.dev/
/^error_m2m_mc:$/a\
	kobjtree_unplug(&dev->bound.gate);
/^error_v4l2:$/,/^	kfree(dev);$/d
/^static int vim2m_open(/,/^}/ {
	/mutex_lock_interruptible/,+1d
	s/goto open_unlock;/return rc;/
	/^open_unlock:$/d
	/mutex_unlock/d
}
/->translen$/ {
	N
	s/translen\n\t    || /translen ||\n\t    /
}
