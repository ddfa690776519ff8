import os
import traceback
from collections.abc import Callable


def in_child(act: Callable[[], object]) -> int:
    """Do it in a forked child, which leaves with 0 if nothing was raised; answers the child's id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        act()
        status = 0
    except BaseException:  # noqa: BLE001  # whatever it was, a child must not go on with its parent's tests
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def ended(child: int) -> int:
    """Wait for the child; answers its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
