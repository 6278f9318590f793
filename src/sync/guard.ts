/**
 * The guard against emptying the target: a pure decision, asked before anything is copied.
 *
 * | seen                                                              | answer |
 * | ---                                                               | --- |
 * | a root of the source is missing                                   | refuse |
 * | a partition root is empty that had mailboxes, or has by mailboxes.db | refuse |
 * | more than a tenth of the mailboxes and more than 20 are gone, or left out now | refuse, unless that number was accepted |
 * | more than a tenth of all messages are gone                        | hold removals back, do all else |
 * | anything else                                                     | go on |
 *
 * Mailboxes below DELETED don't count as gone: expiring them is the server's daily business.
 */
export interface GuardInput {
  readonly missingRoots: readonly string[];
  readonly emptiedRoots: readonly string[];
  /** Mailboxes that the target has of this job, and how many of them the source has no more (DELETED ones apart). */
  readonly mailboxesBefore: number;
  readonly mailboxesGone: number;
  /** Those among them that are there, and left out by [select] of the job file by now. */
  readonly mailboxesLeftOut: number;
  readonly messagesBefore: number;
  readonly messagesGone: number;
  /** `--accept-removals N`: mailboxes or messages, whichever number the refusal printed. */
  readonly accepted: number;
  readonly limits: {
    readonly mailboxes: number;
    readonly mailboxes_percent: number;
    readonly messages_percent: number;
  };
}

/** What was seen where nothing is missing. */
export const NOTHING_LOST: Omit<GuardInput, 'accepted' | 'limits'> = {
  missingRoots: [],
  emptiedRoots: [],
  mailboxesBefore: 0,
  mailboxesGone: 0,
  mailboxesLeftOut: 0,
  messagesBefore: 0,
  messagesGone: 0,
};

export type GuardAnswer =
  | { readonly kind: 'go' }
  | { readonly kind: 'hold-removals'; readonly why: string; readonly accept: number }
  | { readonly kind: 'refuse'; readonly why: string; readonly next: string };

export function askGuard(input: GuardInput): GuardAnswer {
  const { limits, mailboxesBefore, mailboxesGone, messagesBefore, messagesGone, accepted } = input;
  const mount = 'Mount what is missing, then run this again.';
  if (input.missingRoots.length > 0)
    return { kind: 'refuse', why: `the source has no ${input.missingRoots.join(', ')}`, next: mount };
  if (input.emptiedRoots.length > 0)
    return {
      kind: 'refuse',
      why: `${input.emptiedRoots.join(', ')} has none of the mailboxes that it has by mailboxes.db`,
      next: mount,
    };
  const many = mailboxesGone > limits.mailboxes && mailboxesGone * 100 > mailboxesBefore * limits.mailboxes_percent;
  const manyMessages = messagesGone * 100 > messagesBefore * limits.messages_percent;
  if (many && accepted < mailboxesGone) {
    // One number for both questions: the messages of these mailboxes would be held back right after.
    const accept = manyMessages ? Math.max(mailboxesGone, messagesGone) : mailboxesGone;
    return {
      kind: 'refuse',
      why: `${mailboxesGone} of ${mailboxesBefore} mailboxes that the target has ${whereGone(input)}`,
      next: `See whether that is so; then run it with --accept-removals ${accept}.`,
    };
  }
  if (manyMessages && accepted < messagesGone) {
    return {
      kind: 'hold-removals',
      why: `${messagesGone} of ${messagesBefore} messages are gone from the source`,
      accept: messagesGone,
    };
  }
  return { kind: 'go' };
}

function whereGone({ mailboxesGone, mailboxesLeftOut }: GuardInput): string {
  if (mailboxesLeftOut === 0) return "are gone from the source's mailboxes.db";
  if (mailboxesLeftOut === mailboxesGone) return 'are left out by [select] in the job file now';
  return `are gone from the source's mailboxes.db (${mailboxesGone - mailboxesLeftOut}), or left out by [select] in the job file now`;
}
