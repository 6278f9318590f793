import { setTimeout as sleep } from 'node:timers/promises';
import type { CyrusServer } from './cyrus-server.js';
import { type ImapClient, ImapRefused } from './imap-client.js';
import { internalDate, message, seeded } from './messages.js';

/** What clients do to mailboxes. */
const ACTS = [
  ...(['append', 'deliver', 'store', 'expunge', 'copy', 'create', 'rename'] as const),
  ...(['move-partition', 'delete', 'subscribe', 'annotate', 'acl'] as const),
] as const;
export type Act = (typeof ACTS)[number];

/**
 * Clients and deliveries at work on a server, one act after the other for each user, all users at once.
 * The same seed does the same acts in the same order for a user, though not at the same times.
 */
export class MailTraffic {
  private readonly server: CyrusServer;
  private readonly users: readonly string[];
  private readonly partitions: readonly string[];
  private readonly pauseMs: number;
  private readonly counts = new Map<Act, number>();
  private stopping = false;
  private workers: Promise<void>[] = [];
  private round = 0;
  private made = 0;

  constructor(server: CyrusServer, users: readonly string[], pauseMs = 5) {
    this.server = server;
    this.users = users;
    this.partitions = server.setup.partitions ?? ['default'];
    this.pauseMs = pauseMs;
  }

  /** How often each was done so far. */
  get done(): Readonly<Partial<Record<Act, number>>> {
    return Object.fromEntries(this.counts);
  }

  start(): void {
    this.stopping = false;
    this.round++;
    this.workers = this.users.map((user, i) => this.work(user, seeded(1000 * this.round + i)));
    for (const worker of this.workers) worker.catch(() => undefined); // stop() throws it
  }

  /** Comes back when every client has ended. @throws what went wrong in one of them */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.workers);
    this.workers = [];
  }

  /** Acts that have not succeeded yet. A story with some left tells less than it says. */
  get missing(): Act[] {
    return ACTS.filter((act) => !this.counts.has(act) && (act !== 'move-partition' || this.partitions.length > 1));
  }

  /** Traffic until every act has succeeded once at least. @throws when that takes longer than `limitMs` */
  async untilAll(limitMs = 60_000): Promise<void> {
    const end = Date.now() + limitMs;
    await this.during(async () => {
      while (this.missing.length > 0) {
        if (Date.now() > end) throw new Error(`never done: ${this.missing.join(', ')}`);
        await sleep(50);
      }
    });
  }

  /** Traffic for as long as something else takes. */
  async during<T>(other: () => Promise<T>): Promise<T> {
    this.start();
    try {
      return await other();
    } finally {
      await this.stop();
    }
  }

  private async work(user: string, random: (below: number) => number): Promise<void> {
    const client = await this.server.login(user);
    const admin = await this.server.admin();
    try {
      while (!this.stopping) {
        await this.act(user, client, admin, random);
        if (this.pauseMs > 0) await sleep(this.pauseMs);
      }
    } finally {
      await client.logout();
      await admin.logout();
    }
  }

  private async act(user: string, client: ImapClient, admin: ImapClient, random: (below: number) => number) {
    const folders = (await client.list('INBOX*')).map((row) => row.name);
    const own = folders.filter((name) => name !== 'INBOX' && !name.includes('#'));
    const any = folders.filter((name) => !name.includes('#'));
    const pick = (names: readonly string[]) => names[random(names.length)]!;
    const dice = random(100);
    if (dice < 22) {
      const n = this.next();
      await client.append(pick(any), message(n), {
        internalDate: internalDate(n),
        flags: n % 3 ? [] : ['\\Seen', 'work'],
      });
      this.count('append');
    } else if (dice < 36) {
      await this.server.deliver([user], message(this.next()));
      this.count('deliver');
    } else if (dice < 56) {
      await this.inMailbox(client, pick(any), async (uids) => {
        await client.store(String(pick(uids.map(String))), random(3) ? '+FLAGS' : '-FLAGS', [
          pick(['\\Seen', '\\Flagged', 'later']),
        ]);
        this.count('store');
      });
    } else if (dice < 66) {
      await this.inMailbox(client, pick(any), async (uids) => {
        await client.store(pick(uids.map(String)), '+FLAGS', ['\\Deleted']);
        await client.expunge();
        this.count('expunge');
      });
    } else if (dice < 72) {
      const to = pick(any);
      await this.inMailbox(client, pick(any), async (uids) => {
        await client.copy(pick(uids.map(String)), to);
        this.count('copy');
      });
    } else if (dice < 79) {
      const name = `${pick(any)}/N${this.next()}`;
      await client.create(name);
      this.count('create');
      await client.append(name, message(this.next()));
    } else if (dice < 85 && own.length > 0) {
      await client.rename(pick(own), `INBOX/R${this.next()}`);
      this.count('rename');
    } else if (dice < 90 && own.length > 0 && this.partitions.length > 1) {
      await this.movePartition(user, admin, pick(own), random);
    } else if (dice < 93 && own.length > 5) {
      await this.tolerate('delete', client.delete(pick(own))); // one with children may not go
    } else if (dice < 95) {
      await client.subscribe(pick(any));
      this.count('subscribe');
    } else if (dice < 98) {
      await client.setMetadata(pick(any), random(2) ? '/private/comment' : '/shared/comment', `note ${this.next()}`);
      this.count('annotate');
    } else {
      const others = this.users.filter((other) => other !== user);
      await client.setAcl(pick(any), pick([...others, 'anyone']), pick(['lrs', 'lr', 'lrsip']));
      this.count('acl');
    }
  }

  private async movePartition(user: string, admin: ImapClient, name: string, random: (below: number) => number) {
    const external = name.replace(/^INBOX/, `user/${user}`);
    const to = this.partitions[random(this.partitions.length)]!;
    await this.tolerate('move-partition', admin.rename(external, external, to)); // it may be there already
  }

  /** NO is an answer that a client has to expect of these. */
  private async tolerate(act: Act, answer: Promise<unknown>): Promise<void> {
    try {
      await answer;
      this.count(act);
    } catch (error) {
      if (!(error instanceof ImapRefused) || error.reply.status !== 'NO') throw error;
    }
  }

  /** Selects a mailbox and, where it has messages, acts on their UIDs. */
  private async inMailbox(client: ImapClient, name: string, act: (uids: readonly number[]) => Promise<void>) {
    await client.select(name);
    const uids = await client.uidSearch('ALL');
    if (uids.length > 0) await act(uids);
    await client.command('UNSELECT');
  }

  private count(act: Act): void {
    this.counts.set(act, (this.counts.get(act) ?? 0) + 1);
  }

  private next(): number {
    return 100_000 + ++this.made;
  }
}
