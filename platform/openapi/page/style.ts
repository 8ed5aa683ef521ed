/** Colours keep a contrast of at least 4.5 to 1 in both schemes. */
export const STYLE = `
:root {
  --paper: #fff; --side: #f6f7f9; --ink: #1c2129; --soft: #566070; --line: #e2e5ea; --link: #0b57c2; --mark: #fff6d6;
  --code: #f3f4f7; --shell: #1d2430; --shell-ink: #e6eaf1; --key: #7a2f8f; --text: #1a6b36; --value: #a33c00;
  --get: #0b57c2; --post: #1a7040; --put: #8f5300; --patch: #6a3bb5; --delete: #b3261e; --any: #4b5565;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --side: #191d24; --ink: #e4e7ec; --soft: #9da7b6; --line: #2b313b; --link: #84b4ff; --mark: #3a3214;
    --code: #1e232b; --shell: #0c0e12; --shell-ink: #dfe4ec; --key: #d9a2ee; --text: #8bd49f; --value: #f2a97a;
    --get: #84b4ff; --post: #7ed69b; --put: #f0bf6b; --patch: #c5a5ff; --delete: #ff9d95; --any: #b4bdca;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 24px; }
body { margin: 0; display: grid; grid-template-columns: 272px minmax(0, 1fr); background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
code, pre, .method { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .875em; overflow-wrap: anywhere; }
p { margin: 0 0 .75em; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible, summary:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; z-index: 2; background: var(--paper); padding: 4px 8px; }

nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 24px 12px 32px 24px; background: var(--side); border-right: 1px solid var(--line); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: flex; gap: 8px; align-items: baseline; color: var(--soft); padding: 3px 0; font-size: 13.5px; line-height: 1.4; }
nav a:hover { color: var(--ink); text-decoration: none; }
nav .home { font-size: 18px; font-weight: 650; color: var(--ink); letter-spacing: -.01em; margin-bottom: 12px; }
nav .group { color: var(--ink); font-weight: 600; margin-top: 12px; }
nav .method { flex: 0 0 48px; font-size: 10px; padding: 0; border: 0; text-align: left; }

main { padding: 40px 48px 96px; max-width: 1240px; }
h1 { font-size: 34px; line-height: 1.15; margin: 0 0 8px; letter-spacing: -.02em; }
h1 small { font-size: 18px; font-weight: 400; color: var(--soft); letter-spacing: 0; }
h2 { font-size: 25px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.015em; }
h3 { font-size: 18px; line-height: 1.3; margin: 0 0 8px; }
h3 a { color: inherit; }
h4 { font-size: 13px; margin: 20px 0 4px; color: var(--soft); font-weight: 600; }
.lead { color: var(--soft); font-size: 16.5px; margin-bottom: 20px; }
section { margin-top: 72px; }
article { border-top: 1px solid var(--line); padding: 28px 0 36px; }
article:target > h3 a, tr:target { background: var(--mark); }
.line { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: center; margin-bottom: 14px; }
.path { font-size: 15px; }
.path var { font-style: normal; color: var(--value); }
.method { font-size: 12px; font-weight: 700; letter-spacing: .03em; padding: 2px 7px; border: 1px solid; border-radius: 5px; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); }
.patch { color: var(--patch); } .delete { color: var(--delete); } .any { color: var(--any); }
.chip { font-size: 12.5px; color: var(--soft); background: var(--code); border-radius: 999px; padding: 2px 10px; }
.chip b { font-weight: 600; color: var(--ink); }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 12px 36px; align-items: start; }
.sides > :first-child > :first-child { margin-top: 0; }

pre { margin: 0 0 12px; padding: 12px 14px; background: var(--code); border-radius: 8px; font-size: 12.5px; line-height: 1.55;
  overflow-x: auto; scrollbar-width: thin; white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { font-size: inherit; }
.shell { white-space: pre; background: var(--shell); color: var(--shell-ink); }
.k { color: var(--key); } .s { color: var(--text); } .v { color: var(--value); }
.fields { margin: 0 0 12px; }
.fields > div { padding: 7px 0; border-top: 1px solid var(--line); }
.fields > div:first-child { border-top: 0; }
.fields dt code { font-weight: 600; }
.fields dd { margin: 0; color: var(--soft); font-size: 14px; }
.fields dd code, .lead code { color: var(--ink); }
.type { color: var(--soft); font-size: 12.5px; overflow-wrap: anywhere; }
.needed { color: var(--value); font-size: 12.5px; }
.kind { margin: 10px 0 4px; font-size: 14px; color: var(--soft); }
.kind code { color: var(--ink); font-weight: 600; }
.answer { margin: 14px 0 8px; font-size: 14px; }
.ok { color: var(--post); } .not-ok { color: var(--put); }
.quiet, .quiet code { color: var(--soft); font-size: 13px; }
details:first-of-type { margin-top: 20px; }
details { border-top: 1px solid var(--line); padding: 6px 0; font-size: 14px; }
summary { cursor: pointer; color: var(--soft); font-size: 13.5px; }
summary:hover { color: var(--ink); }
details .fields { margin: 6px 0 0 14px; }
.refusals { list-style: none; margin: 8px 0 0 14px; padding: 0; }
.refusals li { padding: 3px 0 3px 44px; text-indent: -44px; }
.refusals li > * { text-indent: 0; }
.refusals b { display: inline-block; width: 40px; font-weight: 600; }
.refusals a { margin-right: 6px; }
table { border-collapse: collapse; width: 100%; margin-top: 20px; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 8px 20px 8px 0; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; color: var(--soft); font-size: 13px; }
tbody th code { font-weight: 600; overflow-wrap: normal; white-space: nowrap; }
td:nth-child(2) { white-space: nowrap; color: var(--soft); }

@media (max-width: 1080px) { .sides { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 820px) {
  html { scroll-padding-top: 64px; }
  body { display: block; }
  nav { height: auto; padding: 0; border-right: 0; border-bottom: 1px solid var(--line); z-index: 1; }
  nav > ul { scrollbar-width: none; display: flex; gap: 18px; overflow-x: auto; padding: 0 16px; }
  nav ul ul, nav .home { display: none; }
  nav .group { margin: 0; padding: 12px 0; white-space: nowrap; font-weight: 500; }
  main { padding: 24px 16px 64px; }
  h1 { font-size: 28px; }
  section { margin-top: 48px; }
  table, tbody, tr, td, tbody th { display: block; }
  thead { display: none; }
  tr { border-top: 1px solid var(--line); padding: 10px 0; }
  th, td { border: 0; padding: 0; }
}
@media print { nav, .skip { display: none; } body { display: block; } }
`
