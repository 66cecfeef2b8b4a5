// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory-to-memory nodes: files with queues of their own, and jobs.
 *
 * Invariant: a job is begun in a section, and the removal waits for its end with
 * the hardware still there. So there is none to abort after it, and a file that
 * is closed then finds its queues empty.
 *
 *   file -> context -> the driver's allocation
 *
 * A context is on the list of its hardware from open to close. Close stops it
 * under the list's lock; so does the removal, for all that it finds there.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <media/v4l2-ioctl.h>

#include "video.h"

static struct kobjtree_m2m_ctx *to_kobjtree_m2m_ctx(struct file *file)
{
	return container_of(file_to_v4l2_fh(file), struct kobjtree_m2m_ctx, fh);
}

/* === Jobs === */

/* The core has marked the job as running, and only its end undoes that. */
static void kobjtree_m2m_refuse(struct kobjtree_m2m_ctx *ctx)
{
	struct v4l2_m2m_ctx *m2m_ctx = ctx->fh.m2m_ctx;

	if (ctx->src.queue->subsystem_flags &
	    VB2_V4L2_FL_SUPPORTS_M2M_HOLD_CAPTURE_BUF)
		v4l2_m2m_buf_done_and_job_finish(ctx->m2m->dev, m2m_ctx,
						 VB2_BUF_STATE_ERROR);
	else
		v4l2_m2m_job_finish(ctx->m2m->dev, m2m_ctx);
}

static void kobjtree_m2m_device_run(void *priv)
{
	struct kobjtree_m2m_ctx *ctx = priv;

	CLASS(kobjtree_section, section)(&ctx->m2m->bound->gate);
	if (section)
		ctx->m2m->drv->device_run(priv);
	else
		kobjtree_m2m_refuse(ctx);
}

/* Also where the driver has none: the core would begin refused jobs for ever. */
static int kobjtree_m2m_job_ready(void *priv)
{
	struct kobjtree_m2m_ctx *ctx = priv;

	CLASS(kobjtree_section, section)(&ctx->m2m->bound->gate);
	if (!section)
		return 0;
	return ctx->m2m->drv->job_ready ? ctx->m2m->drv->job_ready(priv) : 1;
}

/* === Removal === */

/* No file is closed meanwhile. */
static void kobjtree_m2m_stop_jobs(struct kobjtree_m2m *m2m)
{
	void *priv = v4l2_m2m_get_curr_priv(m2m->dev);

	lockdep_assert_held(&m2m->lock);
	if (priv && m2m->drv->job_abort)
		m2m->drv->job_abort(priv);
	/* Waits for the job. */
	v4l2_m2m_suspend(m2m->dev);
}

/* The buffers that are left, if any, are freed at close. */
static void kobjtree_m2m_stop_file(struct kobjtree_m2m_ctx *ctx, bool requests,
				   unsigned int *patience)
{
	struct kobjtree_vb2 *queues[] = { &ctx->dst, &ctx->src };

	kobjtree_vb2_quiesce(queues, ARRAY_SIZE(queues), requests, patience);
}

/* One patience for all: there may be any number of files. */
static void kobjtree_m2m_stop(struct kobjtree_m2m *m2m, bool requests,
			      unsigned int *patience)
{
	struct kobjtree_m2m_ctx *ctx;

	guard(mutex)(&m2m->lock);
	kobjtree_m2m_stop_jobs(m2m);
	list_for_each_entry(ctx, &m2m->files, node)
		kobjtree_m2m_stop_file(ctx, requests, patience);
}

/* The core closes a file under the lock of the requests. */
static void kobjtree_m2m_quiesce(struct kobjtree_watcher *watcher)
{
	struct kobjtree_m2m *m2m =
		container_of(watcher, struct kobjtree_m2m, watcher);
	struct mutex *requests = m2m->vdev ? kobjtree_vb2_requests(m2m->vdev) :
					     NULL;
	unsigned int patience = KOBJTREE_VB2_PATIENCE;
	bool locked = kobjtree_vb2_lock(requests, &patience);

	kobjtree_m2m_stop(m2m, locked, &patience);
	if (locked)
		kobjtree_vb2_unlock(requests);
}

/* === Files === */

/* The macro kobjtree_m2m_alloc_ctx() has the documentation. */
void *__kobjtree_m2m_alloc_ctx(struct file *file, size_t size, size_t offset,
			       const char *name)
{
	struct kobjtree_m2m_ctx *ctx;
	void *p;

	p = __kobjtree_alloc(size,
			     offset + offsetof(struct kobjtree_m2m_ctx, tree),
			     NULL, GFP_KERNEL, name);
	if (!p)
		return ERR_PTR(-ENOMEM);
	ctx = p + offset;
	INIT_LIST_HEAD(&ctx->node);
	v4l2_fh_init(&ctx->fh, video_devdata(file));
	file->private_data = &ctx->fh;
	return p;
}
EXPORT_SYMBOL_GPL(__kobjtree_m2m_alloc_ctx);

static int kobjtree_m2m_queue_init(void *priv, struct vb2_queue *src,
				   struct vb2_queue *dst)
{
	struct kobjtree_m2m_ctx *ctx = priv;
	struct kobjtree_gate *gate = &ctx->m2m->bound->gate;
	int ret;

	ret = ctx->queue_init(priv, src, dst);
	if (ret)
		return ret;
	return kobjtree_vb2_init(&ctx->src, src, &ctx->tree, gate) ?:
	       kobjtree_vb2_init(&ctx->dst, dst, &ctx->tree, gate);
}

/**
 * kobjtree_m2m_open() - give a file its queues, as the last step of open
 * @ctx: from kobjtree_m2m_alloc_ctx(), all controls added
 * @file: the file
 * @m2m: the hardware
 * @queue_init: initialises both queues, which have one lock; is given @ctx
 *
 * As v4l2_m2m_ctx_init() and v4l2_fh_add(), with nothing to undo. The controls of
 * the file handle's control handler are sections from here on.
 *
 * Context: process context, may sleep, in open.
 * Return: 0, -ENOMEM, or what @queue_init returned.
 */
int kobjtree_m2m_open(struct kobjtree_m2m_ctx *ctx, struct file *file,
		      struct kobjtree_m2m *m2m,
		      int (*queue_init)(void *priv, struct vb2_queue *src,
					struct vb2_queue *dst))
{
	struct v4l2_m2m_ctx *m2m_ctx;
	int ret;

	ret = kobjtree_video_gate_ctrls(&ctx->tree, &m2m->bound->gate,
					ctx->fh.ctrl_handler);
	if (ret)
		return ret;
	kobjtree_hold(&ctx->tree, &m2m->bound->tree);
	ctx->m2m = m2m;
	ctx->queue_init = queue_init;
	m2m_ctx = v4l2_m2m_ctx_init(m2m->dev, ctx, kobjtree_m2m_queue_init);
	if (IS_ERR(m2m_ctx))
		return PTR_ERR(m2m_ctx);
	ctx->fh.m2m_ctx = m2m_ctx;
	v4l2_fh_add(&ctx->fh, file);

	guard(mutex)(&m2m->lock);
	m2m->vdev = ctx->fh.vdev;
	list_add(&ctx->node, &m2m->files);
	return 0;
}
EXPORT_SYMBOL_GPL(kobjtree_m2m_open);

static void kobjtree_m2m_close(struct kobjtree_m2m_ctx *ctx)
{
	guard(mutex)(&ctx->m2m->lock);
	v4l2_m2m_ctx_release(ctx->fh.m2m_ctx);
	list_del(&ctx->node);
}

/**
 * kobjtree_m2m_fop_release() - the release operation of a m2m node's files
 * @file: the file
 *
 * Stops and frees the file's queues, and puts its context.
 *
 * Context: process context, may sleep.
 * Return: 0
 */
int kobjtree_m2m_fop_release(struct file *file)
{
	struct kobjtree_m2m_ctx *ctx = to_kobjtree_m2m_ctx(file);

	v4l2_fh_del(&ctx->fh, file);
	if (ctx->fh.m2m_ctx)
		kobjtree_m2m_close(ctx);
	v4l2_fh_exit(&ctx->fh);
	kobjtree_put(&ctx->tree);
	return 0;
}
EXPORT_SYMBOL_GPL(kobjtree_m2m_fop_release);

/* The driver's open has failed, at whatever point. */
void kobjtree_m2m_abort_open(struct kobjtree_video *video, struct file *file)
{
	if (video->drv_fops->release == kobjtree_m2m_fop_release &&
	    file->private_data)
		kobjtree_m2m_fop_release(file);
}

/* === Init === */

static void kobjtree_m2m_end(void *data)
{
	v4l2_m2m_put(data);
}

/* The macro kobjtree_m2m_init() has the documentation. */
int __kobjtree_m2m_init(struct kobjtree_m2m *m2m, struct kobjtree_bound *bound,
			const struct v4l2_m2m_ops *ops,
			struct kobjtree_owner *owner)
{
	m2m->drv = ops;
	m2m->ops = (struct v4l2_m2m_ops) {
		.device_run = kobjtree_m2m_device_run,
		.job_ready = kobjtree_m2m_job_ready,
		/* of a job that runs: the hardware is there */
		.job_abort = ops->job_abort,
	};
	/* An operation that a newer kernel has added would not be gated. */
	static_assert(sizeof(m2m->ops) == 3 * sizeof(void (*)(void)));
	m2m->bound = bound;
	mutex_init(&m2m->lock);
	INIT_LIST_HEAD(&m2m->files);
	m2m->dev = v4l2_m2m_init(&m2m->ops);
	if (IS_ERR(m2m->dev))
		return PTR_ERR(m2m->dev);
	__kobjtree_embed_action(&bound->tree, &m2m->end, kobjtree_m2m_end,
				m2m->dev, owner);
	m2m->watcher.quiesce = kobjtree_m2m_quiesce;
	return kobjtree_bound_watch(bound, &m2m->watcher);
}
EXPORT_SYMBOL_GPL(__kobjtree_m2m_init);
