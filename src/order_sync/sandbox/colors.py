"""What the colours of status labels and groups look like on the page."""

from order_sync.sandbox.boards import GROUP_COLORS

HEX = {
    "working_orange": "#fdab3d",
    "done_green": "#00c875",
    "stuck_red": "#df2f4a",
    "dark_blue": "#007eb5",
    "purple": "#9d50dd",
    "explosive": "#c4c4c4",
    "grass_green": "#037f4c",
    "bright_blue": "#579bfc",
    "saladish": "#cab641",
    "egg_yolk": "#ffcb00",
    "blackish": "#333333",
    "dark_red": "#bb3354",
    "sofia_pink": "#ff007f",
    "lipstick": "#ff5ac4",
    "dark_purple": "#784bd1",
    "bright_green": "#9cd326",
    "chili_blue": "#66ccff",
    "american_gray": "#757575",
    "brown": "#7f5347",
    "dark_orange": "#ff6d3b",
    "sunset": "#ff7575",
    "bubble": "#faa1f1",
    "peach": "#ffadad",
    "berry": "#7e3b8a",
    "winter": "#9aadbd",
    "river": "#68a1bd",
    "navy": "#225091",
    "aquamarine": "#4eccc6",
    "indigo": "#5559df",
    "dark_indigo": "#401694",
    "pecan": "#563e3e",
    "lavender": "#bda8f9",
    "royal": "#216edf",
    "steel": "#a9bee8",
    "orchid": "#d974b0",
    "lilac": "#9d99b9",
    "tan": "#b2a98f",
    "sky": "#a1e3f6",
    "coffee": "#cd9282",
    "teal": "#175a63",
}
UNKNOWN = "#c4c4c4"
PALETTE = tuple(dict.fromkeys([*GROUP_COLORS, *HEX.values(), UNKNOWN]))


def hex_color(name: str | None) -> str:
    return HEX.get(name or "", UNKNOWN)


def color_class(background: str) -> str:
    """The style sheet's class for a colour of the form #rrggbb; unknown ones are grey."""
    return f"color-{(background if background in PALETTE else UNKNOWN)[1:]}"


def readable_on(background: str) -> str:
    """Black or white, whichever contrasts more with a colour of the form #rrggbb."""
    red, green, blue = (int(background[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    white_contrast = 1.05 / (luminance + 0.05)
    black_contrast = (luminance + 0.05) / 0.05
    return "#fff" if white_contrast > black_contrast else "#111"
