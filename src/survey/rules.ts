/** The job file's own word on leftovers: the first rule that fits decides. */
import picomatch from 'picomatch';
import type { JobFile } from '../job/job-file.js';
import type { LeftoverClass } from '../model/leftover-class.js';

export type LeftoverRule = JobFile['leftovers'][number];

export interface RuleSubject {
  readonly paths: readonly string[];
  readonly class: LeftoverClass;
  readonly mailbox: string | null;
}

const listOf = <T>(value: T | T[] | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value : [value];

/** @returns Number, from 1, and rule; a leftover with several paths fits where one of them does. */
export function compileRules(
  rules: readonly LeftoverRule[],
): (subject: RuleSubject) => { number: number; rule: LeftoverRule } | undefined {
  const compiled = rules.map((rule) => {
    const globs = listOf(rule.glob)?.map((glob) => picomatch(glob, { dot: true }));
    const paths = listOf(rule.path)?.map((path) => path.replace(/\/+$/, ''));
    const classes = listOf<LeftoverClass>(rule.class);
    return (subject: RuleSubject) =>
      (paths === undefined || subject.paths.some((path) => paths.includes(path))) &&
      (globs === undefined || subject.paths.some((path) => globs.some((fits) => fits(path)))) &&
      (classes === undefined || classes.includes(subject.class)) &&
      (rule.mailbox === undefined || rule.mailbox === subject.mailbox);
  });
  return (subject) => {
    const at = compiled.findIndex((fits) => fits(subject));
    return at < 0 ? undefined : { number: at + 1, rule: rules[at]! };
  };
}
