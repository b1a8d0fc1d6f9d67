import { Component } from "@odoo/owl";

const WIDTH = 220;
const HEIGHT = 40;

/** A small line of numbers over time; the newest is at the right. */
export class SmallGraph extends Component {
    static template = "sadeem_portainer.SmallGraph";
    static props = {
        points: { type: Array, element: Number },
        // How many points the width stands for, and the least that the height does.
        room: Number,
        least: { type: Number, optional: true },
        color: String,
        label: String,
    };

    get box() {
        return `0 0 ${WIDTH} ${HEIGHT}`;
    }

    get top() {
        return Math.max(...this.props.points, this.props.least || 1e-9) * 1.1;
    }

    get coordinates() {
        const { points, room } = this.props;
        const step = WIDTH / (room - 1);
        return points.map((value, index) => [
            WIDTH - (points.length - 1 - index) * step,
            HEIGHT - (value / this.top) * (HEIGHT - 2) - 1,
        ]);
    }

    get line() {
        return this.coordinates.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    }

    get area() {
        const first = this.coordinates[0];
        return first ? `${first[0].toFixed(1)},${HEIGHT} ${this.line} ${WIDTH},${HEIGHT}` : "";
    }
}
