// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/os-Linux/smp.c
//
// A starting secondary CPU frees its argument before it is online. With kmemleak
// that queues an RCU callback, which lockdep reports as "Callback enqueued on
// offline CPU!", switching itself off for the rest of the boot. A static
// argument needs no freeing.

@@
identifier data, cpu;
@@
os_start_cpu_thread(int cpu)
{
+ static struct cpu_thread_data cpu_data[CONFIG_NR_CPUS];
  struct cpu_thread_data *data;
...
- data = uml_kmalloc(...);
- if (!data)
- 	return -ENOMEM;
+ data = &cpu_data[cpu];
<...
- kfree(data);
...>
}

@@
identifier data;
@@
os_start_secondary(...)
{
<...
- kfree(data);
...>
}
