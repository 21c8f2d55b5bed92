/** The hosts, and how busy each of their workers is. What hosts call themselves is text here, never markup. */

import type { Host, Report, WorkerLoad } from "./report";
import { counted } from "./report";

const WIDTH = 240;
const ROW = 18;

export function Hosts(props: { report: Report }) {
  const { report } = props;
  return (
    <section aria-labelledby="hosts">
      <h2 id="hosts">Hosts ({report.nodes.length + report.moreNodes})</h2>
      <ul class="cards">
        {report.nodes.map((host) => (
          <li key={host.node} class={host.draining ? "draining" : undefined}>
            <h3>{host.name}</h3>
            <p>
              {counted(host.participants, "participant")}, {counted(host.rooms, "room")}
              {host.node === report.node && " · this host"}
              {host.draining && <strong> · draining</strong>}
            </p>
            <Load host={host} />
            <p class="soft">{[host.region, host.version, host.ip].filter(Boolean).join(" · ")}</p>
            <Elsewhere host={host} here={host.node === report.node} />
          </li>
        ))}
      </ul>
      {report.moreNodes > 0 && <p class="soft">{report.moreNodes} more are not shown.</p>}
    </section>
  );
}

function Load(props: { host: Host }) {
  const { name, workers } = props.host;
  const height = Math.max(1, workers.length) * ROW;
  return (
    <svg class="load" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={`Load of ${name}: ${workers.map(loadText).join("; ") || "no worker"}`}>
      {workers.map((load, at) => (
        <g key={load.worker} transform={`translate(0 ${at * ROW})`}>
          <title>{loadText(load)}</title>
          <rect class="free" x="22" y="3" width={WIDTH - 74} height={ROW - 6} rx="3" />
          <rect class={load.cpu > 0.8 ? "used high" : "used"} x="22" y="3" width={(WIDTH - 74) * Math.min(1, load.cpu)} height={ROW - 6} rx="3" />
          <text x="0" y={ROW - 5}>
            {load.worker}
          </text>
          <text x={WIDTH} y={ROW - 5} text-anchor="end">
            {Math.round(load.cpu * 100)} %
          </text>
        </g>
      ))}
    </svg>
  );
}

function loadText(load: WorkerLoad): string {
  const packets = Math.round(load.packetsPerSecond);
  return `worker ${load.worker}: ${Math.round(load.cpu * 100)} % of a core, ${packets} packets a second, ${counted(load.shards, "part of a room", "parts of rooms")}`;
}

/** A host says its own address: nothing but a web page is linked. */
function Elsewhere(props: { host: Host; here: boolean }) {
  if (props.here || !URL.canParse(props.host.url)) return null;
  const url = new URL(props.host.url);
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  url.pathname = url.pathname.replace(/\/*$/, "/cluster/");
  return (
    <p>
      <a href={url.href} rel="noreferrer">
        As it sees the cluster
      </a>
    </p>
  );
}
