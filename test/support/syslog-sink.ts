import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * Cyrus logs to syslog only, and in a container nobody listens. Where that is so, a few lines of Perl (node
 * has no datagram sockets of the Unix kind; Debian always has Perl) listen on /dev/log and append to LOG.
 * All test processes share the one that came first. It ends by itself when nothing came for five minutes.
 */
const LOG = '/run/cyrsync-tests-syslog.log';

const SINK = `
use strict; use Socket;
my ($path, $log) = @ARGV;
socket(my $try, AF_UNIX, SOCK_DGRAM, 0) or die;
exit 0 if connect($try, pack_sockaddr_un($path));
unlink $path;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, pack_sockaddr_un($path)) or exit 0;
chmod 0666, $path;
open(my $out, '>>', $log) or die;
$out->autoflush(1) if eval { require IO::Handle };
my $inode = (stat $path)[1];
$SIG{ALRM} = sub { unlink $path if ((stat $path)[1] // 0) == $inode; exit 0 };
while (1) { alarm 300; defined recv($s, my $line, 65536, 0) or next; print $out $line, "\\n" }
`;

/** Needs root. What cannot be started is no reason to fail a test: then failures come without a log. */
export function ensureSyslogSink(): void {
  const child = spawn('perl', ['-e', SINK, '/dev/log', LOG], { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
}

/** Lines of the servers with this `syslog_prefix`. */
export function syslogOf(prefix: string): string[] {
  if (!existsSync(LOG)) return [];
  return readFileSync(LOG, 'latin1')
    .split('\n')
    .filter((line) => line.includes(`${prefix}/`));
}
