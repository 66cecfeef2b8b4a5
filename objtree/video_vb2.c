// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vb2 queue whose driver may lose its hardware.
 *
 * Some operations of a driver do, and others undo:
 *
 *	prepare_streaming	unprepare_streaming
 *	start_streaming		stop_streaming
 *	buf_init		buf_cleanup
 *	buf_prepare		buf_finish
 *
 * Invariant: what does runs in a section, and is recorded here if it succeeds.
 * What undoes it runs once for each record, by vb2 as ever or by the removal,
 * whoever comes first, and always while the hardware is there. So a close after
 * the removal finds nothing to undo and does not call the driver.
 *
 * The removal does not depend on the queue's lock: vb2 holds it while it copies
 * to user memory or pins it, and whoever serves that page fault could hold up
 * the removal for ever.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <media/videobuf2-core.h>
#include <media/videobuf2-v4l2.h>

#include "video.h"

static struct kobjtree_vb2 *to_kobjtree_vb2(struct vb2_queue *q)
{
	return container_of(q->ops, struct kobjtree_vb2, ops);
}

/* === What does === */

static int kobjtree_vb2_queue_setup(struct vb2_queue *q, unsigned int *buffers,
				    unsigned int *planes, unsigned int sizes[],
				    struct device *alloc_devs[])
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(q);

	CLASS(kobjtree_section, section)(v->gate);
	if (!section)
		return -ENODEV;
	return v->drv->queue_setup(q, buffers, planes, sizes, alloc_devs);
}

static int kobjtree_vb2_buf_out_validate(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);

	CLASS(kobjtree_section, section)(v->gate);
	if (!section)
		return -ENODEV;
	return v->drv->buf_out_validate(vb);
}

static int kobjtree_vb2_buf_init(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);
	int ret = 0;

	CLASS(kobjtree_section, section)(v->gate);
	if (!section)
		return -ENODEV;
	if (v->drv->buf_init)
		ret = v->drv->buf_init(vb);
	if (!ret)
		set_bit(vb->index, v->init);
	return ret;
}

static int kobjtree_vb2_buf_prepare(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);
	int ret = 0;

	CLASS(kobjtree_section, section)(v->gate);
	if (!section)
		return -ENODEV;
	if (v->drv->buf_prepare)
		ret = v->drv->buf_prepare(vb);
	if (!ret)
		set_bit(vb->index, v->ready);
	return ret;
}

static int kobjtree_vb2_prepare_streaming(struct vb2_queue *q)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(q);
	int ret = 0;

	CLASS(kobjtree_section, section)(v->gate);
	if (!section)
		return -ENODEV;
	if (v->drv->prepare_streaming)
		ret = v->drv->prepare_streaming(q);
	v->prepared = !ret;
	return ret;
}

/* As start_streaming has to, if it fails. */
static void kobjtree_vb2_give_back(struct vb2_queue *q)
{
	struct vb2_buffer *vb;
	unsigned int i;

	for (i = 0; i < q->max_num_buffers; i++) {
		vb = vb2_get_buffer(q, i);
		if (vb && vb->state == VB2_BUF_STATE_ACTIVE)
			vb2_buffer_done(vb, VB2_BUF_STATE_QUEUED);
	}
}

static int kobjtree_vb2_start_streaming(struct vb2_queue *q, unsigned int count)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(q);
	int ret = 0;

	CLASS(kobjtree_section, section)(v->gate);
	if (!section) {
		kobjtree_vb2_give_back(q);
		return -ENODEV;
	}
	if (v->drv->start_streaming)
		ret = v->drv->start_streaming(q, count);
	v->started = !ret;
	return ret;
}

static void kobjtree_vb2_buf_queue(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);

	CLASS(kobjtree_section, section)(v->gate);
	if (section)
		v->drv->buf_queue(vb);
	else	/* not as done: vb2 may be about to start */
		vb2_buffer_done(vb, VB2_BUF_STATE_QUEUED);
}

/* === What undoes === */

static void kobjtree_vb2_finish(struct kobjtree_vb2 *v, struct vb2_buffer *vb)
{
	lockdep_assert_held(&v->undo);
	if (test_and_clear_bit(vb->index, v->ready) && v->drv->buf_finish)
		v->drv->buf_finish(vb);
}

static void kobjtree_vb2_cleanup(struct kobjtree_vb2 *v, struct vb2_buffer *vb)
{
	lockdep_assert_held(&v->undo);
	/* vb2 forgets a buffer that a request has prepared. */
	clear_bit(vb->index, v->ready);
	if (test_and_clear_bit(vb->index, v->init) && v->drv->buf_cleanup)
		v->drv->buf_cleanup(vb);
}

static void kobjtree_vb2_stop(struct kobjtree_vb2 *v)
{
	lockdep_assert_held(&v->undo);
	if (v->started && v->drv->stop_streaming)
		v->drv->stop_streaming(v->queue);
	v->started = false;
}

static void kobjtree_vb2_unprepare(struct kobjtree_vb2 *v)
{
	lockdep_assert_held(&v->undo);
	if (v->prepared && v->drv->unprepare_streaming)
		v->drv->unprepare_streaming(v->queue);
	v->prepared = false;
}

static void kobjtree_vb2_buf_finish(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);

	guard(mutex)(&v->undo);
	kobjtree_vb2_finish(v, vb);
}

static void kobjtree_vb2_buf_cleanup(struct vb2_buffer *vb)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(vb->vb2_queue);

	guard(mutex)(&v->undo);
	kobjtree_vb2_cleanup(v, vb);
}

static void kobjtree_vb2_stop_streaming(struct vb2_queue *q)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(q);

	guard(mutex)(&v->undo);
	kobjtree_vb2_stop(v);
}

static void kobjtree_vb2_unprepare_streaming(struct vb2_queue *q)
{
	struct kobjtree_vb2 *v = to_kobjtree_vb2(q);

	guard(mutex)(&v->undo);
	kobjtree_vb2_unprepare(v);
}

/*
 * All that is recorded, in vb2's order, without the queue's lock. Nothing is
 * added any more. A buffer with a bit cannot go meanwhile: vb2 first clears the
 * bit, under @undo, as it does before it frees the buffer's memory.
 */
static void kobjtree_vb2_undo_all(struct kobjtree_vb2 *v)
{
	struct vb2_queue *q = v->queue;
	struct vb2_buffer *vb;
	unsigned int i;

	guard(mutex)(&v->undo);
	kobjtree_vb2_stop(v);
	kobjtree_vb2_unprepare(v);
	for_each_set_bit(i, v->ready, q->max_num_buffers) {
		vb = vb2_get_buffer(q, i);
		if (vb)
			kobjtree_vb2_finish(v, vb);
	}
	for_each_set_bit(i, v->init, q->max_num_buffers) {
		vb = vb2_get_buffer(q, i);
		if (vb)
			kobjtree_vb2_cleanup(v, vb);
	}
}

/* === Removal === */

/* Under it requests are queued; a queue's goes inside. NULL: there are none. */
struct mutex *kobjtree_vb2_requests(struct video_device *vdev)
{
	struct v4l2_device *v4l2 = vdev->v4l2_dev;

	return v4l2_device_supports_requests(v4l2) ?
	       &v4l2->mdev->req_queue_mutex : NULL;
}

/*
 * All that hold @lock are short, but for those that touch user memory: wait no
 * longer than @patience, in milliseconds, of which the rest is left.
 */
bool kobjtree_vb2_lock(struct mutex *lock, unsigned int *patience)
{
	if (!lock)
		return true;
	while (!mutex_trylock(lock)) {
		if (!*patience)
			return false;
		--*patience;
		fsleep(USEC_PER_MSEC);
	}
	return true;
}

void kobjtree_vb2_unlock(struct mutex *lock)
{
	if (lock)
		mutex_unlock(lock);
}

static void kobjtree_vb2_release_locked(struct vb2_queue *q)
{
	lockdep_assert_held(q->lock);
	/* Ends who sleeps in DQBUF or poll, too. */
	vb2_core_queue_release(q);
	q->owner = NULL;
}

/*
 * Stop the hardware and free the buffers, of queues with one lock. False if that
 * was not to be had, or that of the requests was not: the hardware is stopped, who
 * sleeps is woken, and the buffers are still to be freed.
 */
bool kobjtree_vb2_quiesce(struct kobjtree_vb2 **queues, int n, bool requests,
			  unsigned int *patience)
{
	struct mutex *lock = queues[0]->queue->lock;
	bool locked = requests && kobjtree_vb2_lock(lock, patience);
	int i;

	for (i = 0; i < n; i++) {
		if (locked) {
			kobjtree_vb2_release_locked(queues[i]->queue);
		} else {
			kobjtree_vb2_undo_all(queues[i]);
			vb2_queue_error(queues[i]->queue);
		}
	}
	if (locked)
		kobjtree_vb2_unlock(lock);
	return locked;
}

void kobjtree_vb2_release(struct kobjtree_vb2 *v, struct mutex *requests)
{
	if (requests)
		mutex_lock(requests);
	scoped_guard(mutex, v->queue->lock)
		kobjtree_vb2_release_locked(v->queue);
	kobjtree_vb2_unlock(requests);
}

/* === Init === */

#ifdef COMPAT_VB2_WAIT_OPS

#define KOBJTREE_VB2_WAIT_OPS	2

/* As vb2 does by itself where it does not ask. */
static void kobjtree_vb2_wait_ops(struct kobjtree_vb2 *v)
{
	v->ops.wait_prepare = v->drv->wait_prepare ?: vb2_ops_wait_prepare;
	v->ops.wait_finish = v->drv->wait_finish ?: vb2_ops_wait_finish;
}

#else

#define KOBJTREE_VB2_WAIT_OPS	0

static void kobjtree_vb2_wait_ops(struct kobjtree_vb2 *v) { }

#endif

int kobjtree_vb2_init(struct kobjtree_vb2 *v, struct vb2_queue *q,
		      struct kobjtree *obj, struct kobjtree_gate *gate)
{
	size_t size = BITS_TO_LONGS(q->max_num_buffers) * sizeof(long);

	v->init = kobjtree_kzalloc(obj, 2 * size, GFP_KERNEL);
	if (!v->init)
		return -ENOMEM;
	v->ready = v->init + BITS_TO_LONGS(q->max_num_buffers);
	v->queue = q;
	v->gate = gate;
	v->drv = q->ops;
	mutex_init(&v->undo);
	v->ops = (struct vb2_ops) {
		.queue_setup = kobjtree_vb2_queue_setup,
		.buf_init = kobjtree_vb2_buf_init,
		.buf_prepare = kobjtree_vb2_buf_prepare,
		.buf_finish = kobjtree_vb2_buf_finish,
		.buf_cleanup = kobjtree_vb2_buf_cleanup,
		.prepare_streaming = kobjtree_vb2_prepare_streaming,
		.start_streaming = kobjtree_vb2_start_streaming,
		.stop_streaming = kobjtree_vb2_stop_streaming,
		.unprepare_streaming = kobjtree_vb2_unprepare_streaming,
		.buf_queue = kobjtree_vb2_buf_queue,
		/* completes what a request waits for, in memory */
		.buf_request_complete = v->drv->buf_request_complete,
	};
	if (v->drv->buf_out_validate)
		v->ops.buf_out_validate = kobjtree_vb2_buf_out_validate;
	kobjtree_vb2_wait_ops(v);
	/* An operation that a newer kernel has added would not be gated. */
	static_assert(sizeof(v->ops) ==
		      (12 + KOBJTREE_VB2_WAIT_OPS) * sizeof(void (*)(void)));
	q->ops = &v->ops;
	return 0;
}
