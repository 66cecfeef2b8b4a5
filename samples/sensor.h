/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sample drivers offer to user space, and what their simulated
 * hardware offers to them.
 */
#ifndef _SAMPLES_KOBJTREE_SENSOR_H
#define _SAMPLES_KOBJTREE_SENSOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The time between two measurements, in ms. */
#define SENSOR_GET_PERIOD	_IOR('s', 0x40, __u32)
#define SENSOR_SET_PERIOD	_IOW('s', 0x41, __u32)
/* Let the session of this file last so many ms, also beyond its close. */
#define SESSION_START		_IOW('s', 0x42, __u32)
/* How many sessions there are. */
#define SESSION_COUNT		_IOR('s', 0x43, __u32)
/* The voltage of a lamp, in mV. An open file keeps the lamp on. */
#define LAMP_SET		_IOW('s', 0x44, __u32)
#define LAMP_GET		_IOR('s', 0x45, __u32)
/* 1: it has lost its supply. */
#define LAMP_LOST		_IOR('s', 0x46, __u32)

#ifdef __KERNEL__

struct device;
struct sensor_sim;

enum sensor_sim_reg {
	SENSOR_CTRL,		/* 1: measure */
	SENSOR_PERIOD,		/* in ms */
	SENSOR_DATA,		/* the last measurement, channel 0 */
	SENSOR_DATA1,		/* and channel 1 */
	SENSOR_REGS,
};

struct sensor_sim *devm_sensor_sim(struct device *dev, void (*irq)(void *data),
				   void *data);
unsigned long sensor_sim_pfn(struct sensor_sim *sim);
u32 sensor_sim_read(struct sensor_sim *sim, enum sensor_sim_reg reg);
void sensor_sim_write(struct sensor_sim *sim, enum sensor_sim_reg reg, u32 val);

#endif /* __KERNEL__ */
#endif /* _SAMPLES_KOBJTREE_SENSOR_H */
