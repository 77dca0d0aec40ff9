"""A small file in each format that is a table or of objects, for its own tests and for those of all formats."""

from __future__ import annotations

import numpy as np

from workloads.traces.formats.oracle_general import RECORD

CSV = (
    "Time_us,PID,tid,Type,Address,Size,comment\n"
    '10.5,7,8,Read,0x1ff8,16,"crosses, a page"\n'
    "11,7,8,W,4096,4,\n"
    "# between\n"
    "\n"
    '"11",7,9,"fetch",0x7fff00000000,1,x\n'
    "-3,6,9,m,0x7fff00000010,0,nothing\n"
    "12,6,9,m,0x7fff00000010,4,x"
)

TSV = "vpn\trw\n12\tR\n0x1f\tW\n"

SPC = (
    "0,20941264,8192,W,0.551706,Alpha/NT\n"
    "0,20939840,8192,W,0.554041\n"
    "1, 3436288,15872,w, 1.250720,0x123,5.99,test\n"
    "2,30862016,0,R,2.448003\n"
    "0,7695360,512,r,2.346628\n"
    "0,7695361,512,R,2.346628\n"
)
"""The example of the specification, with one timestamp mended, and I/Os of no bytes and to one page."""

ARC = "110765 3 0 0\n5 1 0 1\n110766 2 0 2\r\n"

LIRS = "*\n12\n7\n\n *\r\n12\n*"

LIBCACHESIM = "#time|object|size\n1|key:a|5\n1.5|key:b|0\n2|key:a|7\n3|3|7\n"


def requests(*rows: tuple[int, int, int, int]) -> bytes:
    """Records of oracleGeneral: time, object, size, number of the next request."""
    return np.array(list(rows), RECORD).tobytes()


ORACLE = requests((0, 70, 5, 2), (1, 7, 4096, 3), (1, 70, 5, 4), (5, 7, 0, -1), (6, 70, 5, (1 << 63) - 1))
