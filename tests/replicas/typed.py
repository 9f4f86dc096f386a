"""Passwords that people choose, and that libraries or programs write in another way."""

TYPED = (
    "Geheim\u00b22026",
    "\u00bdLiter-Bier",
    "fixed\u00a0space",
    "abc-\u05d0\u05d1\u05d2-def",
    "Cafe\u0301-au-lait",
    "Caf\u00e9-au-lait",
    "soft\u00adhyphen",
    "ab\u2126cdefgh",
    "\U0001f511key\U0001f511ring",
    "trailing space ",
    " leading space",
    "quo'te\"back\\slash%d$HOME",
    "-w --help; #comment",
    "%(root)s & `id` + a=b",
    "\u00fc\u0308" * 100,
)
