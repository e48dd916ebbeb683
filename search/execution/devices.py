"""What TensorFlow may take of a machine: CPU threads, and one GPU whose memory grows with need."""

from __future__ import annotations


def bound_tensorflow(threads: int | None = None, worker: str = "") -> None:
    """Keep TensorFlow to `threads` CPU threads and to one GPU, of which it takes memory as it needs it.

    A worker whose name is a number takes the GPU of that number, modulo those it sees, else the first.
    Nothing changes once TensorFlow has begun to compute.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    try:
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        if gpus:
            mine = gpus[int(worker) % len(gpus) if worker.isdecimal() else 0]
            tf.config.set_visible_devices(mine, "GPU")
            tf.config.experimental.set_memory_growth(mine, True)
    except RuntimeError:  # a worker that served another study before keeps its settings
        pass
