import { describe, expect, it } from 'vitest';
import { unsupportedOptions } from '../../../src/cyrus/conf/unsupported-options.js';
import type { CyrusVersion } from '../../../src/cyrus/version.js';
import { confOf } from './conf-of.js';

function said(options: Record<string, string>, version: CyrusVersion = '3.6', target: CyrusVersion = '3.10'): string[] {
  return unsupportedOptions(confOf(version, options), confOf(target, options)).map(
    ({ side, option, value }) => `${side} ${option}=${value}`,
  );
}

describe('an option that does not come along', () => {
  it.each<[Record<string, string>, string[]]>([
    [{}, []],
    [{ mupdate_server: 'm.example' }, ['source mupdate_server=m.example', 'target mupdate_server=m.example']],
    [{ mupdate_config: 'standard' }, []],
    [{ mupdate_config: 'unified' }, ['source mupdate_config=unified']],
    [{ sync_log: 'no' }, []],
    [{ sync_log: 'yes', sync_host: 'replica' }, ['source sync_log=1', 'target sync_log=1']],
    [{ sync_host: 'replica' }, ['source sync_host=replica', 'target sync_host=replica']],
    [{ object_storage_enabled: '0' }, []],
    [{ object_storage_enabled: 'yes' }, ['source object_storage_enabled=1', 'target object_storage_enabled=1']],
    [{ 'backuppartition-default': '/B' }, ['source backuppartition-default=/B']],
    [{ sasl_pwcheck_method: 'saslauthd' }, []],
    [{ sasl_pwcheck_method: 'saslauthd auxprop' }, ['source sasl_pwcheck_method=saslauthd auxprop']],
    [{ search_engine: 'none' }, []],
    [{ search_engine: 'xapian' }, ['target search_engine=xapian']],
    [{ conversations: 'yes' }, ['target conversations=1']],
    [{ httpmodules: 'caldav jmap' }, ['target httpmodules=caldav jmap']],
    [{ httpmodules: 'tzdist' }, []],
    [{ mboxlist_db: 'skiplist', subscription_db: 'flat', quota_db: 'quotalegacy' }, []],
    [{ mboxlist_db: 'sql' }, ['source mboxlist_db=sql', 'target mboxlist_db=sql']],
    [{ seenstate_db: 'zeroskip' }, ['source seenstate_db=zeroskip', 'target seenstate_db=zeroskip']],
    [{ duplicate_db: 'sql' }, []], // what is dropped anyway
  ])('%j: %j', (options, expected) => expect(said(options)).toEqual(expected));

  it('of one release line is kept: threads and DAV databases are copied', () =>
    expect(said({ conversations: 'yes', httpmodules: 'caldav' }, '3.6', '3.6')).toEqual([]));

  it('Berkeley databases are said where they are set, not where the version has them by default', () => {
    expect(said({}, '2.3', '3.6')).toEqual([]);
    expect(said({ subscription_db: 'berkeley' }, '2.3', '3.6')).toEqual(['source subscription_db=berkeley']);
  });

  it('has one sentence of effect each', () => {
    const options = { mupdate_server: 'm', mupdate_config: 'unified', sync_log: '1', object_storage_enabled: '1' };
    const more = {
      'backuppartition-x': '/B',
      sasl_pwcheck_method: 'auxprop',
      search_engine: 'squat',
      mboxlist_db: 'sql',
    };
    const all = unsupportedOptions(
      confOf('3.6', { ...options, ...more }),
      confOf('3.10', { ...options, ...more, conversations: '1', httpmodules: 'caldav' }),
    );
    expect(all.length).toBeGreaterThan(13);
    for (const { effect } of all) expect(effect).toMatch(/^[A-Z][^.]*(?:\.[A-Za-z][^.]*)*\.$/);
  });
});
