/** Something that needs a person. `code` is stable kebab-case; `message` says what was seen, `advice` what to do. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
  /** Classic internal name. */
  readonly mailbox?: string | undefined;
  /** Path as the server names it, without `--from-root` or `--to-root`. */
  readonly path?: string | undefined;
  /**
   * Found while messages were copied, and not looked for again as long as they need no copying: it stands until a pass
   * compares the whole mailbox anew (`--full`, `--checksum`), or the mailbox is gone.
   */
  readonly stays?: true | undefined;
}

/** Collects the problems of one run; the same one (code, mailbox, path) counts once. */
export class ProblemList {
  readonly #byKey = new Map<string, Problem>();

  add(problem: Problem): void {
    const key = problemKey(problem);
    if (!this.#byKey.has(key)) this.#byKey.set(key, problem);
  }

  /** In place of what was said of the same before. */
  replace(problem: Problem): void {
    this.#byKey.set(problemKey(problem), problem);
  }

  get all(): Problem[] {
    return [...this.#byKey.values()];
  }

  get size(): number {
    return this.#byKey.size;
  }
}

/** The same for what is the same problem. */
export function problemKey({ code, mailbox, path }: Problem): string {
  return `${code}\0${mailbox ?? ''}\0${path ?? ''}`;
}
