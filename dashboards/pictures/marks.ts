// Annotations: what happened when, and how it is drawn over a plot. Both are of Grafana's application, and not of its
// packages; they are written here anew.
import { colorManipulator, GrafanaTheme2 } from '@grafana/data';
import { UPlotConfigBuilder } from '@grafana/ui';
import uPlot from 'uplot';

import { Answer } from './frames';

export interface Mark {
  from: number;
  to: number;
  colour: string;
}

interface Annotation {
  iconColor: string;
  useValueForTime?: boolean;
}

/** Times above nothing, those that are no further apart than a step made one; in ms. */
export function marks(annotations: Annotation[], answers: Answer[]): Mark[] {
  return annotations.flatMap(({ iconColor, useValueForTime }, i) =>
    answers[i].series.flatMap(({ values }) => {
      const found: Mark[] = [];
      for (const [time, text] of values!) {
        const value = Number(text);
        const at = useValueForTime ? Math.floor(value) : time * 1000;
        const latest = found[found.length - 1];
        if (!(value > 0)) continue;
        if (latest && latest.to + answers[i].intervalMs >= at) latest.to = at;
        else found.push({ from: at, to: at, colour: iconColor });
      }
      return found;
    })
  );
}

export function drawMarks(config: UPlotConfigBuilder, marks: Mark[], theme: GrafanaTheme2) {
  config.addHook('draw', (u: uPlot) => {
    const { ctx } = u;
    const { top, height, left, width } = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height + 8 * uPlot.pxRatio);
    ctx.clip();
    for (const { from, to, colour } of marks) {
      const name = theme.visualization.getColorByName(colour);
      const [x0, x1] = [from, to].map((time) => Math.round(u.valToPos(time, 'x', true)));
      ctx.strokeStyle = ctx.fillStyle = name;
      ctx.lineWidth = 2;
      ctx.setLineDash([5, 5]);
      for (const x of new Set([x0, x1])) {
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
      }
      const foot = top + height;
      if (x1 > x0) {
        ctx.fillRect(x0, foot, x1 - x0, 5);
        ctx.fillStyle = colorManipulator.alpha(name, 0.1);
        ctx.fillRect(x0, top, x1 - x0, height);
      } else {
        ctx.beginPath();
        ctx.moveTo(x0, foot);
        ctx.lineTo(x0 + 5, foot + 6);
        ctx.lineTo(x0 - 5, foot + 6);
        ctx.fill();
      }
    }
    ctx.restore();
  });
}
