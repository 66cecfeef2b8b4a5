/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Character devices whose open files may outlive the hardware.
 *
 * A driver embeds a struct kobjtree_chrdev and writes its operations in terms of
 * kernel memory; each one runs in a section of the gate. It needs no release
 * callback, no reference count and no remove().
 *
 * An open file holds the object, and pins the driver's module.
 */
#ifndef _LINUX_KOBJTREE_CHRDEV_H
#define _LINUX_KOBJTREE_CHRDEV_H

#include <linux/cdev.h>
#include <linux/compiler_attributes.h>
#include <linux/container_of.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/kobjtree_bind.h>
#include <linux/kobjtree_device.h>
#include <linux/miscdevice.h>
#include <linux/mm_types.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/types.h>

struct iov_iter;
struct vm_fault;

/**
 * struct kobjtree_chrdev_ioctl - a command of a character device
 * @cmd: its number, which says how large the argument is and who fills it
 * @fn: what it does. Its argument is in kernel memory, of the size in @cmd: it is
 *	zeroed, copied in for _IOC_WRITE, and copied out for _IOC_READ unless an
 *	error is returned. For _IOC_NONE it is the value that user space passed.
 *
 * A table of them ends with an empty one. A command that is not in it fails with
 * -ENOTTY. So does one of another direction; a larger argument than the driver
 * knows is -EINVAL, and of a smaller one, as of an older program, the rest is
 * zero.
 */
struct kobjtree_chrdev_ioctl {
	unsigned int cmd;
	long (*fn)(struct file *file, void *arg);
};

/**
 * struct kobjtree_chrdev_ops - what a character device can do
 * @open: a file was opened. Its ->private_data is the driver's.
 * @llseek: as in &struct file_operations; without it, the file is a stream
 * @read: put data into the iterator, which is over kernel memory of at most a
 *	page: one call for each read of user space, which takes what it gets. The
 *	position is moved by what is returned.
 * @write: take data out of the iterator, likewise
 * @poll: as in &struct file_operations; without it, always ready
 * @ioctls: the commands
 * @compat_ioctls: those that 32-bit programs see in another layout, looked up
 *	before @ioctls
 * @mmap: look at the area that is to be mapped, and set its flags. It maps
 *	nothing: the removal would not find it.
 * @fault: map a page: set &vm_fault.page with a reference and return 0, or
 *	vmf_insert_pfn(). Without it, the device cannot be mapped.
 * @stop: the hardware's half of close: undo what the file does to the hardware
 * @release: the memory's half of close. The hardware may be gone.
 * @raw: the file operations of a driver that has sections of its own, in place
 *	of all of the above. Its open and release are called, too.
 *
 * All but @release and @raw run in a section: the hardware is there until they
 * return, and they are not called once it is gone, @stop neither. To sleep, they
 * use kobjtree_wait_event(). They do not touch user memory. Each may be NULL.
 */
struct kobjtree_chrdev_ops {
	int (*open)(struct file *file);
	loff_t (*llseek)(struct file *file, loff_t offset, int whence);
	ssize_t (*read)(struct file *file, struct iov_iter *to, loff_t pos);
	ssize_t (*write)(struct file *file, struct iov_iter *from, loff_t pos);
	__poll_t (*poll)(struct file *file, struct poll_table_struct *wait);
	const struct kobjtree_chrdev_ioctl *ioctls;
	const struct kobjtree_chrdev_ioctl *compat_ioctls;
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	vm_fault_t (*fault)(struct file *file, struct vm_fault *vmf);
	void (*stop)(struct file *file);
	void (*release)(struct file *file);
	const struct file_operations *raw;
};

/**
 * struct kobjtree_chrdev - a character device, embedded in the driver's struct
 * @kdev: the device of its class, whose object holds the driver's
 * @cdev: the character device, which holds @kdev
 * @misc: in place of these two, a device of the misc core; a driver may set its
 *	mode, groups and nodename before it registers
 * @fops: the file operations of this device: they lead from a file to it
 * @bound: the driver's object
 * @ops: its operations
 * @inode: whose mapping all files have, NULL if the device cannot be mapped
 * @fasync: the files that want a signal
 * @watcher: takes the device node away
 *
 * No other member is for drivers.
 */
struct kobjtree_chrdev {
	union {
		struct {
			struct kobjtree_device kdev;
			struct cdev cdev;
		};
		struct miscdevice misc;
	};
	struct file_operations fops;
	struct kobjtree_bound *bound;
	const struct kobjtree_chrdev_ops *ops;
	struct inode *inode;
	struct fasync_struct *fasync;
	struct kobjtree_watcher watcher;
};

__printf(5, 6) __must_check
int __kobjtree_chrdev_register(struct kobjtree_chrdev *chr,
			       struct kobjtree_bound *bound,
			       const struct kobjtree_chrdev_ops *ops,
			       struct module *owner, const char *fmt, ...);

/**
 * kobjtree_chrdev_register() - publish a character device
 * @chr: the device, in the zeroed memory of @bound's container
 * @bound: the driver's object
 * @ops: the operations
 * @...: the name of the device node, as for printf()
 *
 * The last step of probe: it can be opened before this returns. There is no
 * unregister: the removal of @bound takes the node away.
 *
 * Context: process context, may sleep; while the device is being bound or is
 * bound.
 * Return: 0, or an error, after which there is nothing to undo.
 */
#define kobjtree_chrdev_register(chr, bound, ops, ...)			\
	__kobjtree_chrdev_register(chr, bound, ops, THIS_MODULE, __VA_ARGS__)

__printf(6, 7) __must_check
int __kobjtree_chrdev_register_misc(struct kobjtree_chrdev *chr,
				    struct kobjtree_bound *bound,
				    const struct kobjtree_chrdev_ops *ops,
				    struct module *owner, int minor,
				    const char *fmt, ...);

/**
 * kobjtree_chrdev_register_misc() - publish a device of the misc core
 * @chr: the device, in the zeroed memory of @bound's container
 * @bound: the driver's object
 * @ops: the operations
 * @minor: its number, or %MISC_DYNAMIC_MINOR
 * @...: the name of the device, as for printf()
 *
 * As kobjtree_chrdev_register(), for a driver whose device is where the misc core
 * has it.
 *
 * Context: process context, may sleep; while the device is being bound or is
 * bound.
 * Return: 0, or an error, after which there is nothing to undo.
 */
#define kobjtree_chrdev_register_misc(chr, bound, ops, minor, ...)	\
	__kobjtree_chrdev_register_misc(chr, bound, ops, THIS_MODULE,	\
					minor, __VA_ARGS__)

/**
 * kobjtree_chrdev_kill_fasync() - send SIGIO to those who asked for it
 * @chr: the device
 * @band: what has happened, as %POLL_IN
 *
 * For where the driver wakes those who poll. The removal sends %POLL_HUP.
 *
 * Context: any; the caller holds a reference to the driver's object.
 */
static inline void kobjtree_chrdev_kill_fasync(struct kobjtree_chrdev *chr,
					       int band)
{
	kill_fasync(&chr->fasync, SIGIO, band);
}

/**
 * kobjtree_chrdev_of() - the character device of an open file
 * @file: the file
 *
 * Context: any.
 * Return: the device, valid until the file's release has returned.
 */
static inline struct kobjtree_chrdev *kobjtree_chrdev_of(const struct file *file)
{
	return container_of(file->f_op, struct kobjtree_chrdev, fops);
}

/**
 * kobjtree_chrdev_data() - the driver's struct of an open file
 * @file: the file
 * @type: the struct, as ``struct cam``
 * @member: the &struct kobjtree_chrdev in it
 *
 * Context: any.
 * Return: the struct, valid until the file's release has returned.
 */
#define kobjtree_chrdev_data(file, type, member) \
	container_of(kobjtree_chrdev_of(file), type, member)

#endif /* _LINUX_KOBJTREE_CHRDEV_H */
