// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/test-drivers/vim2m.c
// Only for: 7.2
//
// vim2m on kobjtree: its memory, its node, its files and its jobs.
//
// What it had by hand goes: the release callback that frees, the unwinding of
// probe and open, close, and a count of its files that nobody read. What it keeps
// is the media controller, for which there is no glue: its remove() ends the
// hardware's part first.
//
// vim2m.sed has what spatch does not reach.

@ include @
symbol vim2m_fops, queue_init, vim2m_videodev, m2m_ops, fh;
symbol error_free, error_v4l2;
@@

  #include <media/v4l2-mem2mem.h>
+ #include <media/kobjtree_m2m.h>

// Beside the kernel's own.
@ name @
@@

- #define MEM2MEM_NAME "vim2m"
+ #define MEM2MEM_NAME KBUILD_MODNAME

// === The structs ===

@ device @
@@

  struct vim2m_dev {
- struct v4l2_device v4l2_dev;
- struct video_device vfd;
+ struct kobjtree_bound bound;
+ struct kobjtree_v4l2 v4l2;
+ struct kobjtree_video video;
  ...
- atomic_t num_inst;
  ...
- struct v4l2_m2m_dev *m2m_dev;
+ struct kobjtree_m2m m2m;
  ...
  };

@ context @
@@

  struct vim2m_ctx {
- struct v4l2_fh fh;
+ struct kobjtree_m2m_ctx m2m;
  ...
  };

// === Jobs ===

@ private @
identifier fn, priv, ctx;
@@

  fn(void *priv, ...)
  {
  ...
  struct vim2m_ctx *ctx =
- priv
+ container_of(priv, struct vim2m_ctx, m2m)
  ;
  ...
  }

// === Files ===

@ close @
identifier file;
@@

- static int vim2m_release(struct file *file) { ... }

@ fops @
@@

  struct v4l2_file_operations vim2m_fops = {
  .release =
- vim2m_release
+ kobjtree_m2m_fop_release
  ,
  };

@ open @
identifier file, ctx, hdl, rc, dev, label;
expression count;
@@

  vim2m_open(struct file *file)
  {
  ...
- ctx = kzalloc_obj(*ctx);
- if (!ctx) {
- rc = -ENOMEM;
+ ctx = kobjtree_m2m_alloc_ctx(file, struct vim2m_ctx, m2m);
+ if (IS_ERR(ctx)) {
+ rc = PTR_ERR(ctx);
  goto label;
  }
- v4l2_fh_init(...);
  ...
- v4l2_ctrl_handler_init(hdl, count);
+ rc = kobjtree_ctrl_handler_init(&ctx->m2m.tree, hdl, count);
+ if (rc)
+ goto label;
  ...
  if (hdl->error) {
  rc = hdl->error;
- v4l2_ctrl_handler_free(hdl);
- kfree(ctx);
  goto label;
  }
  ...
- ctx->fh.m2m_ctx = v4l2_m2m_ctx_init(dev->m2m_dev, ctx, &queue_init);
  ...
- if (IS_ERR(ctx->fh.m2m_ctx)) {
- ...
- goto label;
- }
- v4l2_fh_add(...);
- atomic_inc(...);
+ rc = kobjtree_m2m_open(&ctx->m2m, file, &dev->m2m, queue_init);
+ if (rc)
+ goto label;
  ...
  }

// === The device ===

@ release @
identifier vdev;
@@

- static void vim2m_device_release(struct video_device *vdev) { ... }

@ node @
@@

  struct video_device vim2m_videodev = {
- .release = vim2m_device_release,
  };

@ allocate @
identifier dev, pdev, ret;
@@

- dev = kzalloc_obj(*dev);
- if (!dev)
- return -ENOMEM;
- ret = v4l2_device_register(&pdev->dev, &dev->v4l2_dev);
- if (ret)
- goto error_free;
- atomic_set(&dev->num_inst, 0);
+ dev = kobjtree_alloc_bound(&pdev->dev, struct vim2m_dev, bound);
+ if (IS_ERR(dev))
+ return PTR_ERR(dev);

@ jobs @
symbol ret;
identifier dev, vdev;
@@

- vdev->v4l2_dev = &dev->v4l2_dev;
  ...
- dev->m2m_dev = v4l2_m2m_init(&m2m_ops);
- if (IS_ERR(dev->m2m_dev)) { ... }
+ ret = kobjtree_m2m_init(&dev->m2m, &dev->bound, &m2m_ops);
+ if (ret)
+ return ret;

@ media @
identifier dev, vdev, ret;
@@

  media_device_init(&dev->mdev);
+ ret = kobjtree_add_action_or_reset(&dev->bound.tree, vim2m_end, dev);
+ if (ret)
+ return ret;
  ...
- ret = video_register_device(vdev, VFL_TYPE_VIDEO, 0);
- if (ret) { ... }
+ ret = kobjtree_v4l2_register(&dev->v4l2, &dev->bound);
+ if (ret)
+ return ret;
+ ret = kobjtree_video_register(&dev->video, &dev->bound, &dev->v4l2, VFL_TYPE_VIDEO, 0);
+ if (ret)
+ return ret;

@ controller @
symbol ret;
@@

- goto error_v4l2;
+ return ret;

@ run @
struct vim2m_ctx *c;
@@

  device_run(
- c
+ &c->m2m
  )

@ remove @
identifier pdev, dev;
@@

  vim2m_remove(struct platform_device *pdev)
  {
  ...
+ kobjtree_unplug(&dev->bound.gate);
  media_device_unregister(&dev->mdev);
  ...
- video_unregister_device(...);
  }

@ exit @
@@

  vim2m_exit(...)
  {
  ...
  platform_device_unregister(...);
+ kobjtree_owner_barrier();
  }

// Before its first user.
@ end @
@@

+ static void vim2m_end(void *data)
+ {
+ struct vim2m_dev *dev = data;
+
+ media_device_cleanup(&dev->mdev);
+ }
+
  vim2m_probe(...) { ... }

// === Names ===

@ names @
struct vim2m_dev *d;
struct vim2m_ctx *c;
@@

(
- d->v4l2_dev
+ d->v4l2.dev
|
- d->vfd
+ d->video.vdev
|
- d->m2m_dev
+ d->m2m.dev
|
- c->fh
+ c->m2m.fh
)

@ from_file @
expression e;
@@

  container_of(e, struct vim2m_ctx,
- fh
+ m2m.fh
  )
