import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Inventory } from '../../src/inventory/inventory.js';
import type { ListedMailbox } from '../../src/inventory/listed-mailbox.js';
import { MailboxTodos } from '../../src/sync/mailbox-todos.js';

it('mailboxes come by inode, each once, and those of a user without others between', () => {
  const mailbox = fc.record({ unit: fc.constantFrom('user.a', 'user.b', 'user.c', 'shared'), inode: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(mailbox, { maxLength: 30 }), (all) => {
      const table = { rowIds: all.map((_, at) => at + 1), indexInode: (at: number) => all[at]!.inode };
      const mailboxes = all.map(({ unit }, at) => ({ unit, at, name: `${unit}.${at}` }) as unknown as ListedMailbox);
      const todos = new MailboxTodos({ mailboxes, table } as unknown as Inventory);
      for (const one of mailboxes)
        todos.add({ mailbox: one, kind: 'created', checkContent: false, bytes: 1, files: 1 });
      todos.putInOrder();
      const order = [...todos].map(({ id }) => id - 1);
      expect(order.toSorted((a, b) => a - b)).toEqual(all.map((_, at) => at));
      const runs = order.map((at) => all[at]!.unit).filter((unit, i, units) => unit !== units[i - 1]);
      expect(new Set(runs).size).toBe(runs.length);
      const inodesOf = (unit: string) => order.filter((at) => all[at]!.unit === unit).map((at) => all[at]!.inode);
      const firsts = runs.map((unit) => {
        const inodes = inodesOf(unit);
        expect(inodes).toEqual(inodes.toSorted((a, b) => a - b));
        return inodes[0]!;
      });
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
    }),
  );
});
