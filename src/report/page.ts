/** Where a migration stands, as one HTML page that needs nothing else: no script, no font, no other file. */
import { formatBytes, formatCount, formatSeconds } from '../base/units.js';
import { html, type Markup, raw } from './html.js';
import type { PassView, StandingView } from './standing-view.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --line: #d8dde3; --back: #fff; --card: #f5f7f9;
  --bar: #3b82c4; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --line: #343b43; --back: #14171a;
  --card: #1d2126; --bar: #5aa2e0; --good: #57c98b; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--back); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.5rem; font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); } .n { text-align: right; white-space: nowrap; }
.bar { display: inline-block; height: .6rem; min-width: 1px; background: var(--bar); border-radius: .2rem; }
.track { width: 8rem; } code { overflow-wrap: anywhere; }`;

export function printPage(view: StandingView): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>cyrsync: ${view.job}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1>Migration ${view.job}</h1>
<div class="soft">as of ${day(view.at)}, cyrsync ${view.version}</div>
${cards(view)}
${problems(view)}
${passes(view.passes)}
${partitions(view)}
${leftovers(view)}
${waves(view)}
</body>
</html>
`.text;
}

function cards(view: StandingView): Markup {
  const { forecast } = view;
  const current = view.mailboxes - view.dirty - view.never;
  const whole = view.passes.find((pass) => pass.complete);
  return html`<div class="cards">
${card('Cutover', view.final === null ? 'not yet' : 'final', view.final === null ? '' : `since ${day(view.final)}`)}
${
  view.final === null
    ? card(
        'The cutover will take about',
        forecast === null ? 'no forecast' : formatSeconds(forecast.seconds),
        forecast === null
          ? 'it needs two complete passes'
          : `${formatSeconds(forecast.low)} to ${formatSeconds(forecast.high)}; ${forecast.basis}`,
      )
    : ''
}
${card(
  'Mailboxes on the target',
  `${formatCount(current)} of ${formatCount(view.mailboxes)}`,
  `${formatCount(view.dirty)} changed since, ${formatCount(view.never)} never copied`,
)}
${card(
  'Last complete pass',
  whole ? day(whole.startedAt) : 'none',
  whole && whole.seconds !== null ? `${whole.kind}, took ${formatSeconds(whole.seconds)}` : '',
)}
${card(
  'Looked at in full',
  view.lastChecksum === null ? 'never by content' : day(view.lastChecksum),
  view.lastFull === null ? 'never with --full' : `with --full ${day(view.lastFull)}`,
)}
</div>`;
}

function card(title: string, figure: string, more: string): Markup {
  return html`<div class="card"><span class="soft">${title}</span><b>${figure}</b><span class="soft">${more}</span></div>`;
}

function problems({ problems: all }: StandingView): Markup {
  if (all.length === 0) return html`<h2>Problems</h2><p class="good">None stands.</p>`;
  return html`<h2>Problems <span class="bad">${formatCount(all.length)}</span></h2>
${grid(
  ['what', 'where', 'what to do'],
  all.map(({ code, message, advice, mailbox, path }) => [
    html`<b>${code}</b><br>${message}`,
    html`${mailbox === undefined ? '' : html`<code>${mailbox}</code>`} ${path === undefined ? '' : html`<code>${path}</code>`}`,
    html`${advice}`,
  ]),
)}`;
}

function passes(all: readonly PassView[]): Markup {
  const longest = Math.max(...all.map(({ seconds }) => seconds ?? 0), 0);
  return html`<h2>Passes</h2>
${
  all.length === 0
    ? html`<p class="soft">None yet.</p>`
    : grid(
        [
          'begun',
          'kind',
          '>took',
          '',
          '>changed',
          '>created',
          '>moved',
          '>removed',
          '>messages copied',
          '>bytes copied',
          '',
        ],
        all.map(({ startedAt, kind, seconds, complete, figures }) => [
          day(startedAt),
          kind,
          seconds === null ? '' : formatSeconds(seconds),
          bar(seconds ?? 0, longest),
          ...['changed', 'created', 'moved', 'removed'].map((key) => count(figures?.mailboxes[key])),
          count(figures?.messages.copied),
          figures ? formatBytes(figures.bytes.copied ?? 0) : '',
          complete ? '' : html`<span class="bad">did not end</span>`,
        ]),
      )
}`;
}

function partitions({ partitions: all }: StandingView): Markup {
  const most = Math.max(...all.map(({ bytes }) => bytes), 0);
  return html`<h2>Partitions of the target</h2>
${
  all.length === 0
    ? html`<p class="soft">Nothing is there yet.</p>`
    : grid(
        ['partition', '>mailboxes', '>messages', '>size', ''],
        all.map(({ partition, mailboxes, messages, bytes }) => [
          partition,
          count(mailboxes),
          count(messages),
          formatBytes(bytes),
          bar(bytes, most),
        ]),
      )
}`;
}

function leftovers({ leftovers: found }: StandingView): Markup | '' {
  if (found === null) return html`<h2>Left behind</h2><p class="soft">Not surveyed yet.</p>`;
  return html`<h2>Left behind <span class="soft">as surveyed ${day(found.at)}</span></h2>
${
  found.leftovers.length === 0
    ? html`<p class="good">Nothing.</p>`
    : grid(
        ['class', '>directories', '>files', '>size'],
        found.leftovers.map((one) => [one.class, count(one.directories), count(one.files), formatBytes(one.bytes)]),
      )
}`;
}

function waves({ waves: all }: StandingView): Markup | '' {
  if (all.length === 0) return '';
  return html`<h2>Waves</h2>
${grid(
  ['final since', '>users and shared trees'],
  all.map(({ final, units }) => [day(final), count(units)]),
)}`;
}

/** @param head One that begins with `>` stands right, as its cells do. */
function grid(head: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
  const side = head.map((title) => (title.startsWith('>') ? raw(' class="n"') : ''));
  return html`<div class="wide"><table>
<tr>${head.map((title, i) => html`<th${side[i]!}>${title.replace('>', '')}</th>`)}</tr>
${rows.map((row) => html`<tr>${row.map((cell, i) => html`<td${side[i]!}>${cell}</td>`)}</tr>\n`)}</table></div>`;
}

function bar(value: number, most: number): Markup {
  const percent = most === 0 ? 0 : Math.round((100 * value) / most);
  return html`<div class="track"><span class="bar" style="width: ${String(percent)}%"></span></div>`;
}

function count(n: number | undefined): string {
  return n === undefined ? '' : formatCount(n);
}

/** `2026-11-30 14:05 UTC`, in one line. */
function day(time: string): string {
  return `${time.slice(0, 16).replace('T', '\u00a0')}\u00a0UTC`;
}
