//! The shape of a Rollout: the fields of Argo Rollouts 1.10, as its Go types declare them. What its routers are called and
//! what a plugin is configured with is for others to judge.

use crate::pod_shape::{ObjectMeta, PodTemplateSpec};
use crate::shape::shapes;
use crate::step_shape::{
    AnalysisRunArgument, AnalysisTemplateRef, CanaryStep, DryRun, LabelSelector, MeasurementRetention,
    PodTemplateMetadata,
};

shapes! {
    ObjectRef { apiVersion: Text, kind: Text, name: Text, scaleDown: Text }
    AnalysisRunStrategy { successfulRunHistoryLimit: (Integer), unsuccessfulRunHistoryLimit: (Integer) }
    RollbackWindow { revisions: Integer }
    RequiredAntiAffinity { }
    PreferredAntiAffinity { weight: Integer }
    AntiAffinity {
        preferredDuringSchedulingIgnoredDuringExecution: (PreferredAntiAffinity),
        requiredDuringSchedulingIgnoredDuringExecution: (RequiredAntiAffinity),
    }
    RolloutAnalysis {
        templates: [AnalysisTemplateRef], args: [AnalysisRunArgument], dryRun: [DryRun],
        measurementRetention: [MeasurementRetention], analysisRunMetadata: (PodTemplateMetadata),
    }
    RolloutAnalysisBackground {
        templates: [AnalysisTemplateRef], args: [AnalysisRunArgument], dryRun: [DryRun],
        measurementRetention: [MeasurementRetention], analysisRunMetadata: (PodTemplateMetadata),
        startingStep: (Integer),
    }
    BlueGreenStrategy {
        activeService: Text, previewService: Text, previewReplicaCount: (Integer), autoPromotionEnabled: (Flag),
        autoPromotionSeconds: Integer, maxUnavailable: (IntOrString), scaleDownDelaySeconds: (Integer),
        scaleDownDelayRevisionLimit: (Integer), prePromotionAnalysis: (RolloutAnalysis),
        antiAffinity: (AntiAffinity), postPromotionAnalysis: (RolloutAnalysis),
        previewMetadata: (PodTemplateMetadata), activeMetadata: (PodTemplateMetadata),
        abortScaleDownDelaySeconds: (Integer),
    }
    StickinessConfig { enabled: Flag, durationSeconds: Integer }
    AlbTrafficRouting {
        ingress: Text, ingresses: [Text], servicePort: Integer, rootService: Text, annotationPrefix: Text,
        stickinessConfig: (StickinessConfig),
    }
    AmbassadorTrafficRouting { mappings: [Text] }
    ApisixRoute { name: Text, rules: [Text] }
    ApisixTrafficRouting { route: (ApisixRoute) }
    AppMeshVirtualService { name: Text, routes: [Text] }
    AppMeshVirtualNodeReference { name: Text }
    AppMeshVirtualNodeGroup {
        canaryVirtualNodeRef: (AppMeshVirtualNodeReference), stableVirtualNodeRef: (AppMeshVirtualNodeReference),
    }
    AppMeshTrafficRouting { virtualService: (AppMeshVirtualService), virtualNodeGroup: (AppMeshVirtualNodeGroup) }
    TlsRoute { port: Integer, sniHosts: [Text] }
    TcpRoute { port: Integer }
    IstioVirtualService { name: Text, routes: [Text], tlsRoutes: [TlsRoute], tcpRoutes: [TcpRoute] }
    IstioDestinationRule {
        name: Text, canarySubsetName: Text, stableSubsetName: Text, additionalSubsetNames: [Text],
    }
    IstioTrafficRouting {
        virtualService: (IstioVirtualService), destinationRule: (IstioDestinationRule),
        virtualServices: [IstioVirtualService],
    }
    NginxTrafficRouting {
        annotationPrefix: Text, stableIngress: Text, additionalIngressAnnotations: {Text},
        canaryIngressAnnotations: {Text}, stableIngresses: [Text],
    }
    SmiTrafficRouting { rootService: Text, trafficSplitName: Text }
    TraefikTrafficRouting { weightedTraefikServiceName: Text }
    ManagedRoute { name: Text }
    RolloutTrafficRouting {
        istio: (IstioTrafficRouting), nginx: (NginxTrafficRouting), alb: (AlbTrafficRouting),
        smi: (SmiTrafficRouting), ambassador: (AmbassadorTrafficRouting), appMesh: (AppMeshTrafficRouting),
        traefik: (TraefikTrafficRouting), managedRoutes: [ManagedRoute], apisix: (ApisixTrafficRouting),
        plugins: {Raw}, maxTrafficWeight: (Integer),
    }
    PingPong { pingService: Text, pongService: Text }
    ReplicaProgressThreshold { type: Text, value: Integer }
    CanaryStrategy {
        canaryService: Text, stableService: Text, steps: [CanaryStep], trafficRouting: (RolloutTrafficRouting),
        maxUnavailable: (IntOrString), maxSurge: (IntOrString), analysis: (RolloutAnalysisBackground),
        antiAffinity: (AntiAffinity), canaryMetadata: (PodTemplateMetadata), stableMetadata: (PodTemplateMetadata),
        scaleDownDelaySeconds: (Integer), scaleDownDelayRevisionLimit: (Integer),
        abortScaleDownDelaySeconds: (Integer), dynamicStableScale: Flag, pingPong: (PingPong),
        minPodsPerReplicaSet: (Integer), replicaProgressThreshold: (ReplicaProgressThreshold),
    }
    RolloutStrategy { blueGreen: (BlueGreenStrategy), canary: (CanaryStrategy) }
    RolloutSpec {
        replicas: (Integer), selector: (LabelSelector), template: PodTemplateSpec, workloadRef: (ObjectRef),
        minReadySeconds: Integer, strategy: RolloutStrategy, revisionHistoryLimit: (Integer), paused: Flag,
        progressDeadlineSeconds: (Integer), progressDeadlineAbort: Flag, restartAt: (Time),
        analysis: (AnalysisRunStrategy), rollbackWindow: (RollbackWindow),
    }
    Rollout { apiVersion: Text, kind: Text, metadata: ObjectMeta, spec: RolloutSpec, status: Raw }
}
