// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver as before kobjtree, whose subdev has a node: all of its memory goes at
 * unbind, and it says nothing of it. The media cores that scripts/convert makes end
 * what files of that node have; the kernel's own use the memory after that.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-subdev.h>

struct test_subdev {
	struct v4l2_device v4l2;
	struct v4l2_subdev sd;
	struct v4l2_ctrl_handler hdl;
	u32 closed;
};

static int test_subdev_get_fmt(struct v4l2_subdev *sd,
			       struct v4l2_subdev_state *state,
			       struct v4l2_subdev_format *format)
{
	format->format = (struct v4l2_mbus_framefmt) {
		.width = 320,
		.height = 240,
		.code = MEDIA_BUS_FMT_Y8_1X8,
	};
	return 0;
}

static int test_subdev_close(struct v4l2_subdev *sd, struct v4l2_subdev_fh *fh)
{
	container_of(sd, struct test_subdev, sd)->closed++;
	return 0;
}

static const struct v4l2_subdev_pad_ops test_subdev_pad_ops = {
	.get_fmt = test_subdev_get_fmt,
};

static const struct v4l2_subdev_ops test_subdev_ops = {
	.pad = &test_subdev_pad_ops,
};

static const struct v4l2_subdev_internal_ops test_subdev_internal_ops = {
	.close = test_subdev_close,
};

/* in user memory, where a program sets it */
static const struct v4l2_ctrl_config test_subdev_table = {
	.id = V4L2_CID_USER_BASE | 0x1000,
	.type = V4L2_CTRL_TYPE_U8,
	.name = "Table",
	.max = 255,
	.step = 1,
	.dims = { 64 },
};

static int test_subdev_probe(struct platform_device *pdev)
{
	struct test_subdev *t;
	int ret;

	t = devm_kzalloc(&pdev->dev, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	platform_set_drvdata(pdev, t);
	ret = v4l2_device_register(&pdev->dev, &t->v4l2);
	if (ret)
		return ret;
	v4l2_ctrl_handler_init(&t->hdl, 2);
	v4l2_ctrl_new_std(&t->hdl, NULL, V4L2_CID_BRIGHTNESS, 0, 255, 1, 128);
	v4l2_ctrl_new_custom(&t->hdl, &test_subdev_table, NULL);

	v4l2_subdev_init(&t->sd, &test_subdev_ops);
	strscpy(t->sd.name, "sensor");
	t->sd.internal_ops = &test_subdev_internal_ops;
	t->sd.flags |= V4L2_SUBDEV_FL_HAS_DEVNODE | V4L2_SUBDEV_FL_HAS_EVENTS;
	t->sd.ctrl_handler = &t->hdl;
	ret = t->hdl.error ?: v4l2_device_register_subdev(&t->v4l2, &t->sd) ?:
			      v4l2_device_register_subdev_nodes(&t->v4l2);
	if (ret) {
		v4l2_device_unregister(&t->v4l2);
		v4l2_ctrl_handler_free(&t->hdl);
	}
	return ret;
}

static void test_subdev_remove(struct platform_device *pdev)
{
	struct test_subdev *t = platform_get_drvdata(pdev);

	v4l2_device_unregister(&t->v4l2);
	v4l2_ctrl_handler_free(&t->hdl);
}

static struct platform_driver test_subdev_driver = {
	.probe = test_subdev_probe,
	.remove = test_subdev_remove,
	.driver.name = KBUILD_MODNAME,
};

static struct platform_device *test_subdev_pdev;

static int __init test_subdev_init(void)
{
	int ret;

	test_subdev_pdev = platform_device_register_simple(KBUILD_MODNAME, -1,
							   NULL, 0);
	if (IS_ERR(test_subdev_pdev))
		return PTR_ERR(test_subdev_pdev);
	ret = platform_driver_register(&test_subdev_driver);
	if (ret)
		platform_device_unregister(test_subdev_pdev);
	return ret;
}
module_init(test_subdev_init);

static void __exit test_subdev_exit(void)
{
	platform_driver_unregister(&test_subdev_driver);
	platform_device_unregister(test_subdev_pdev);
}
module_exit(test_subdev_exit);

MODULE_DESCRIPTION("Driver for selftests: a subdev whose memory nobody keeps");
MODULE_LICENSE("GPL");
