"""Mathematics in the documentation as MathML, with the report's embedded font: no script, no network."""

from derivations.report.mathematics import FONT_FAMILY, Mathematics, embedded_font

MATHEMATICS = Mathematics()


def visit_math(self, node):
    """Formula in running text."""
    self.body.append(str(MATHEMATICS.inline(node.astext())))
    from docutils import nodes

    raise nodes.SkipNode


def visit_math_block(self, node):
    """Displayed formula, with its number where it has one."""
    from docutils import nodes

    self.body.append(self.starttag(node, "div", CLASS="math-block"))
    self.body.append(str(MATHEMATICS.block(node.astext().strip())))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({node["number"]})</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def write_font(app):
    """The font and the style that uses it, as one style sheet of the site."""
    css = (
        f'@font-face {{ font-family: "{FONT_FAMILY}"; src: url("{embedded_font()}") format("woff2"); }}\n'
        f'math {{ font-family: "{FONT_FAMILY}", math; font-size: 1.1em; }}\n'
        ".math-block { overflow-x: auto; margin: 1em 0; }\n"
    )
    folder = app.outdir / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mathematics.css").write_text(css, encoding="utf-8")


def after(app, exception):
    """The static folder is copied last, so the style sheet is written after that."""
    if exception is None and app.builder.format == "html":
        write_font(app)


def keep_bars(app, what, name, obj, options, lines):
    """Bars in docstrings are mathematics, |x|, and not substitutions."""
    lines[:] = [line.replace("|", r"\\|") for line in lines]


def setup(app):
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.add_css_file("mathematics.css")
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("builder-inited", write_font)
    app.connect("build-finished", after)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
