/** Where a migration stands, as metrics in Prometheus's text format, for the textfile collector of node_exporter. */
import { Gauge, Registry } from 'prom-client';
import type { PassView, StandingView } from './standing-view.js';

type Labels = Readonly<Record<string, string>>;

class Metrics {
  readonly #registry = new Registry();
  readonly #job: string;

  constructor(job: string) {
    this.#job = job;
  }

  /** A metric with one value for each set of labels; none at all where nothing is known. */
  put(name: string, help: string, values: readonly (readonly [Labels, number])[]): void {
    const labelNames = ['job_file', ...new Set(values.flatMap(([labels]) => Object.keys(labels)))];
    const gauge = new Gauge({ name: `cyrsync_${name}`, help, labelNames, registers: [this.#registry] });
    for (const [labels, value] of values) gauge.set({ job_file: this.#job, ...labels }, value);
    if (values.length === 0) this.#registry.removeSingleMetric(`cyrsync_${name}`);
  }

  print(): Promise<string> {
    return this.#registry.metrics();
  }
}

const seconds = (time: string) => Date.parse(time) / 1000;
const counts = (label: string, values: Readonly<Record<string, number>>): (readonly [Labels, number])[] =>
  Object.entries(values).map(([key, value]) => [{ [label]: key }, value]);
const time = (at: string | null): (readonly [Labels, number])[] => (at === null ? [] : [[{}, seconds(at)]]);

/** Names stay what they are: alerts are written against them. */
export function printMetrics(view: StandingView): Promise<string> {
  const metrics = new Metrics(view.job);
  const { forecast, partitions, leftovers } = view;
  metrics.put('info', 'Version of cyrsync that wrote this.', [[{ version: view.version }, 1]]);
  metrics.put('report_timestamp_seconds', 'When this was written, Unix time.', time(view.at));
  metrics.put('final', '1 once the cutover is final.', [[{}, view.final === null ? 0 : 1]]);
  metrics.put('units_final', 'Users and shared trees that were cut over in waves.', [
    [{}, view.waves.reduce((sum, wave) => sum + wave.units, 0)],
  ]);
  metrics.put(
    'mailboxes',
    'Mailboxes of the source by what the target has of them.',
    counts('state', {
      current: view.mailboxes - view.dirty - view.never,
      dirty: view.dirty,
      never: view.never,
    }),
  );
  putPasses(metrics, view.passes);
  metrics.put('last_full_timestamp_seconds', 'End of the last pass with --full, Unix time.', time(view.lastFull));
  metrics.put(
    'last_checksum_timestamp_seconds',
    'End of the last pass with --checksum, Unix time.',
    time(view.lastChecksum),
  );
  metrics.put(
    'cutover_forecast_seconds',
    'How long the cutover may take; absent while there is no ground for a guess.',
    forecast === null ? [] : counts('bound', { low: forecast.low, expected: forecast.seconds, high: forecast.high }),
  );
  const codes = new Map<string, number>();
  for (const { code } of view.problems) codes.set(code, (codes.get(code) ?? 0) + 1);
  metrics.put('problems', 'Problems that stand, by code.', counts('code', Object.fromEntries(codes)));
  metrics.put('standing_problems', 'How many problems stand; 0 where none does.', [[{}, view.problems.length]]);
  for (const what of ['mailboxes', 'messages', 'bytes'] as const)
    metrics.put(
      `partition_${what}`,
      `${what[0]!.toUpperCase()}${what.slice(1)} on each partition of the target.`,
      partitions.map((one) => [{ partition: one.partition }, one[what]]),
    );
  for (const what of ['directories', 'files', 'bytes'] as const)
    metrics.put(
      `leftovers_${what}`,
      `${what[0]!.toUpperCase()}${what.slice(1)} of leftovers on the source, by class, as the last survey found them.`,
      (leftovers?.leftovers ?? []).map((one) => [{ class: one.class }, one[what]]),
    );
  return metrics.print();
}

/** Of the last pass, and when the last complete one began: what an alert on a silent cron job needs. */
function putPasses(metrics: Metrics, passes: readonly PassView[]): void {
  const [last] = passes;
  metrics.put('last_pass_complete', '0 where the last pass did not come to its end.', [
    ...(last ? [[{ kind: last.kind }, last.complete ? 1 : 0] as const] : []),
  ]);
  metrics.put('last_pass_timestamp_seconds', 'When the last pass began, Unix time.', [
    ...(last ? [[{ kind: last.kind }, seconds(last.startedAt)] as const] : []),
  ]);
  const whole = passes.find((pass) => pass.complete);
  metrics.put(
    'last_complete_pass_timestamp_seconds',
    'When the last complete pass began: the target is as old as that. Unix time.',
    time(whole?.startedAt ?? null),
  );
  metrics.put(
    'last_pass_duration_seconds',
    'How long the last complete pass took.',
    whole && whole.seconds !== null ? [[{ kind: whole.kind }, whole.seconds]] : [],
  );
  const figures = whole?.figures;
  for (const what of ['mailboxes', 'messages', 'bytes'] as const)
    metrics.put(
      `last_pass_${what}`,
      `${what[0]!.toUpperCase()}${what.slice(1)} of the last complete pass, by what became of them.`,
      figures ? counts('outcome', figures[what]).filter(([{ outcome }]) => outcome !== 'total') : [],
    );
}
